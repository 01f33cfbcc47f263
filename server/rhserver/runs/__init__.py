"""Runs: what was asked to run, what became of it, what it printed and returned."""
