"""EC2's rows of instances, for the parts of rhdesk in SkyPilot's API server."""

from __future__ import annotations

from typing import Any


def described(client: Any, filters: dict[str, list[str]]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """All rows that the filters leave, and the headers that EC2 answered with, which say what time it is there."""
    found: list[dict[str, Any]] = []
    headers: dict[str, str] = {}
    pages = client.get_paginator("describe_instances").paginate(
        Filters=[{"Name": name, "Values": values} for name, values in filters.items()]
    )
    for page in pages:
        headers = page["ResponseMetadata"].get("HTTPHeaders", {})
        for reservation in page["Reservations"]:
            found += reservation["Instances"]
    return found, headers
