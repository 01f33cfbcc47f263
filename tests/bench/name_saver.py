"""Somebody else who changes names of the registry at `$RH_REGISTRY_URL`: `name_saver.py TOKEN COUNT NUMBER`.

Begins when a line comes on its standard input.
"""

from __future__ import annotations

import os
import sys
from itertools import islice

import httpx
from lab.many_names import many_packages, package


def save(token: str, count: int, number: int) -> None:
    """Change that many, each to what it did not say before."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=os.environ["RH_REGISTRY_URL"], headers=headers, trust_env=False) as http:
        for place, name in enumerate(islice(many_packages(), count)):
            sent = {"text": package(place, f"changed, {number}")}
            http.put(f"/v1/resources/alice/{name}", json=sent).raise_for_status()


if __name__ == "__main__":
    sys.stdin.readline()
    save(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
