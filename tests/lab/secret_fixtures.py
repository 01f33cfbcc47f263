"""Fixtures: a real Secret Service."""
