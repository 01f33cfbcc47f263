"""The real clients of Runhouse, from PyPI, each in an environment and a home of its own."""
