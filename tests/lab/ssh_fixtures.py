"""Fixtures: real SSH servers, keys, agents."""
