"""Part of SkyPilot's API server: what comes with a request is not readable on the disk.

SkyPilot keeps every request for a day, with all that was sent, among it as whom the clouds are asked (keys of AWS and
Azure that are in the environment of who asks), and with what it answered, among it private keys of hosts. Here both are
encrypted before they are written. The key is made of the token of this start, which its keeper removes at the end: what
is left of the file then can be read by nobody, and the next start removes it.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

_COLUMNS = ("request_body", "return_value")
_MARK = "sealed:"


def seal_requests(token: str) -> None:
    """In a process of SkyPilot's, before it reads or writes a request."""
    from cryptography.fernet import Fernet
    from sky.server.requests import requests

    if getattr(requests.Request, "of_rhdesk", False):
        return
    box = Fernet(base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()))
    places = [requests.REQUEST_COLUMNS.index(name) for name in _COLUMNS]
    to_row, from_row = requests.Request.to_row, requests.Request.from_row

    def sealed(self: Any) -> tuple[Any, ...]:
        row = list(to_row(self))
        for place in places:
            if row[place] is not None:
                row[place] = _MARK + box.encrypt(row[place].encode()).decode()
        return tuple(row)

    def opened(row: Any) -> Any:
        values = list(row)
        for place in places:
            if isinstance(values[place], str) and values[place].startswith(_MARK):
                values[place] = box.decrypt(values[place].removeprefix(_MARK)).decode()
        return from_row(tuple(values))

    requests.Request.to_row = sealed
    requests.Request.from_row = staticmethod(opened)
    requests.Request.of_rhdesk = True
