"""What may never be kept of a config: passwords, tokens, keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NAMES = re.compile(
    r"(.*_)?(password|passwd|passphrase|token|secret_key|api_key|access_key)|private_key", re.IGNORECASE
)
_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY")


def without_secrets(value: Any) -> tuple[Any, list[str]]:
    """`value` without secrets, and where they were (`ssh_creds.password`); what they say is in neither.

    A secret is what is called one, the `values` of a resource of type secret, and the text of a private key wherever
    it stands. The path of a key (`ssh_private_key`) is none.
    """
    found: list[str] = []
    return _cleaned(value, "", found, in_secret=False), found


def _cleaned(value: Any, path: str, found: list[str], *, in_secret: bool) -> Any:
    if isinstance(value, Mapping):
        in_secret |= value.get("resource_type") == "secret" or "Secret" in str(value.get("resource_subtype"))
        clean = {}
        for name, inner in value.items():
            there = f"{path}.{name}" if path else str(name)
            is_called_one = _NAMES.fullmatch(str(name)) or (in_secret and name == "values")
            if inner and (is_called_one or (isinstance(inner, str) and _KEY.search(inner))):
                found.append(there)
            else:
                clean[name] = _cleaned(inner, there, found, in_secret=in_secret)
        return clean
    if isinstance(value, (list, tuple)):
        kept = [inner for inner in value if not (isinstance(inner, str) and _KEY.search(inner))]
        if len(kept) != len(value):
            found.append(path)
        return [_cleaned(inner, f"{path}[{index}]", found, in_secret=in_secret) for index, inner in enumerate(kept)]
    return value
