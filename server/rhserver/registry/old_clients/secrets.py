"""Which secrets of old clients the registry lets pass without keeping them, and what it says of all others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LOG_INS = ("ssh", "sky", None)
"""Providers of the secrets that belong to a cluster; a client saves and loads it only with those."""

NO_SECRETS = "This registry keeps no secrets; they stay on your computer."


def provider_of(config: Mapping[str, Any]) -> Any:
    """Whose secret that is, as the config of a secret says it."""
    data = config.get("data")
    return data.get("provider") if isinstance(data, Mapping) else config.get("provider")
