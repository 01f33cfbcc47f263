"""Resources that are always there: this computer, the nine clusters of Runhouse, and the GPUs people rent today."""

from __future__ import annotations

from functools import cache

from rhresources.documents import ClusterDocument, dump_document
from rhresources.errors import NotFound
from rhresources.names import Address
from rhresources.stores.entry import Entry

# Runhouse's own, by the names that saved functions use
_RUNHOUSE = {
    "rh-cpu": ("CPU:2+", "A small cloud machine: 2 processors or more"),
    "rh-8-cpu": ("CPU:8+", "A cloud machine with 8 processors or more"),
    "rh-32-cpu": ("CPU:32+", "A cloud machine with 32 processors or more"),
    "rh-gpu": ("K80:1", "1 NVIDIA K80, 12 GB; most clouds have retired it: consider ^rh-t4"),
    "rh-4-gpu": ("K80:4", "4 NVIDIA K80, 12 GB each; most clouds have retired it: consider ^rh-4-t4"),
    "rh-8-gpu": ("K80:8", "8 NVIDIA K80, 12 GB each; most clouds have retired it: consider ^rh-8-l4"),
    "rh-v100": ("V100:1", "1 NVIDIA V100, 16 GB"),
    "rh-4-v100": ("V100:4", "4 NVIDIA V100, 16 GB each"),
    "rh-8-v100": ("V100:8", "8 NVIDIA V100, 16 GB each"),
}

# accelerator as SkyPilot spells it: memory of one in GB, and how many one machine has
_GPUS = {
    "T4": (16, (1, 4, 8)),
    "L4": (24, (1, 2, 4, 8)),
    "A10G": (24, (1, 4, 8)),
    "L40S": (48, (1, 4, 8)),
    "A100": (40, (1, 2, 4, 8, 16)),
    "A100-80GB": (80, (1, 2, 4, 8)),
    "H100": (80, (1, 2, 4, 8)),
    "H200": (141, (1, 8)),
    "B200": (180, (1, 8)),
}


def load(address: Address) -> Entry:
    """The built-in resource of that name.

    Raises:
        NotFound: there is none.
    """
    try:
        return _entries()[address.name]
    except KeyError:
        raise NotFound(f"There is no built-in resource {address}.") from None


def exists(address: Address) -> bool:
    """Whether there is a built-in resource of that name."""
    return address.name in _entries()


def entries() -> list[Entry]:
    """All built-in resources: this computer, then processors, then GPUs."""
    return list(_entries().values())


@cache
def _entries() -> dict[str, Entry]:
    found = {"local": ClusterDocument(type="machine", description="This computer")}
    for name, (instance, description) in _RUNHOUSE.items():
        found[name] = ClusterDocument(type="cloud", instance_type=instance, description=description)
    for gpu, (memory, counts) in _GPUS.items():
        for count in counts:
            name = f"rh-{gpu.lower()}" if count == 1 else f"rh-{count}-{gpu.lower()}"
            model = gpu.removesuffix("-80GB")
            description = f"{count} NVIDIA {model}, {memory} GB{' each' if count > 1 else ''}"
            found[name] = ClusterDocument(type="cloud", instance_type=f"{gpu}:{count}", description=description)
    return {
        name: Entry(Address("builtin", (name,)), document, None, 0.0, None, document.kind, dump_document(document))
        for name, document in found.items()
    }
