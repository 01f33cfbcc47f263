"""Fixtures: hosts in namespaces of their own."""
