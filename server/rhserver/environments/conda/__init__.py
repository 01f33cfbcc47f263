"""conda packages: what they are, the program that installs them, and our own where a host has none."""
