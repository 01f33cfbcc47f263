"""Where resources are kept: on this computer, and built in."""

from __future__ import annotations

from rhresources.stores.entry import Entry

__all__ = ["Entry"]
