"""What each cloud cannot do with SkyPilot, as data: the window greys it with the reason before anybody clicks.

From the tables of SkyPilot 0.14's cloud classes; a test compares them with the SkyPilot that is installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Act = Literal["stop", "start", "autostop", "autostop_down", "spot", "several_hosts", "image"]
"""autostop: stop when idle; autostop_down: go away when idle."""

TITLES: Mapping[str, str] = {
    "aws": "AWS", "azure": "Azure", "cudo": "Cudo", "do": "DigitalOcean", "fluidstack": "Fluidstack", "gcp": "GCP",
    "hyperbolic": "Hyperbolic", "ibm": "IBM", "kubernetes": "Kubernetes", "lambda": "Lambda", "mithril": "Mithril",
    "nebius": "Nebius", "oci": "OCI", "paperspace": "Paperspace", "primeintellect": "Prime Intellect",
    "runpod": "RunPod", "scp": "SCP", "seeweb": "Seeweb", "shadeform": "Shadeform", "slurm": "Slurm",
    "ssh": "SSH node pools", "vast": "Vast", "verda": "Verda", "vsphere": "vSphere", "yotta": "Yotta",
}  # fmt: skip
"""SkyPilot's name of every cloud, and how it is written."""

_NO_STOP = frozenset({
    "cudo", "fluidstack", "hyperbolic", "kubernetes", "lambda", "primeintellect", "runpod", "shadeform", "slurm", "ssh",
    "verda", "yotta",
})  # fmt: skip
_NO_AUTODOWN = frozenset({"hyperbolic", "primeintellect", "verda", "yotta"})
_NO_SPOT = frozenset({
    "cudo", "do", "fluidstack", "hyperbolic", "kubernetes", "lambda", "paperspace", "scp", "seeweb", "shadeform",
    "slurm", "ssh", "vsphere", "yotta",
})  # fmt: skip
_ONE_HOST = frozenset({
    "hyperbolic", "primeintellect", "runpod", "seeweb", "shadeform", "vast", "verda", "vsphere", "yotta",
})  # fmt: skip
_NO_IMAGE = frozenset({
    "cudo", "fluidstack", "hyperbolic", "lambda", "mithril", "paperspace", "primeintellect", "scp", "seeweb",
    "shadeform", "vsphere",
})  # fmt: skip
_NO_STOP_OF_SPOT = frozenset({"aws", "azure", "ibm", "oci", "scp"})


def title(cloud: str) -> str:
    """How a cloud's name is written: "AWS"."""
    return TITLES.get(cloud.lower(), cloud)


def place(cloud: str, region: str) -> str:
    """Where something is: "AWS us-east-1"; empty: anywhere."""
    return " ".join(part for part in (title(cloud), region) if part)


def why_not(cloud: str, act: Act, *, spot: bool = False) -> str:
    """Why a cloud cannot do that, as a sentence; empty where it can, or where the cloud is not known.

    Args:
        cloud: SkyPilot's name of it in any case; "" or "cheapest": not chosen yet.
        spot: its instances are spot instances.
    """
    name = cloud.lower()
    written = title(name)
    if act in {"stop", "start", "autostop"}:
        if name in _NO_STOP:
            return f"{written} cannot stop hosts and start them again; take the cluster down instead."
        if spot and name in _NO_STOP_OF_SPOT:
            return f"{written} cannot stop spot instances; take the cluster down instead."
    elif act == "autostop_down" and name in _NO_AUTODOWN:
        return f"{written} cannot end hosts by themselves; somebody has to take the cluster down."
    elif act == "spot" and name in _NO_SPOT:
        return f"{written} has no spot instances."
    elif act == "several_hosts" and name in _ONE_HOST:
        return f"With {written} a cluster has one host."
    elif act == "image" and name in _NO_IMAGE:
        return f"With {written} the image cannot be chosen."
    return ""
