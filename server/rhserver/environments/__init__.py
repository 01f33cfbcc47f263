"""Environments: one virtual environment per content, made by uv, shared by all functions that need the same."""

from rhserver.environments.environments import Environments, ReadyEnvironment

__all__ = ["Environments", "ReadyEnvironment"]
