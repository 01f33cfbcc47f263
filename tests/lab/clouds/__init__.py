"""Clouds for the tests of SkyPilot: an EC2 whose instances are hosts in namespaces, and a real Slurm; no way out."""
