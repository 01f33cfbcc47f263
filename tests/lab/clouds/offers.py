"""What the emulated EC2 sells: the catalogs that SkyPilot chooses from, and the machine images behind them.

A catalog file with no checksum beside it counts as made by the user, and SkyPilot never downloads it anew.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ZONES = {"us-east-1": ("use1-az1", "use1-az2"), "us-west-2": ("usw2-az1", "usw2-az2")}
"""The regions, with the ids of the zones in each that have hardware."""

SPOT_SHARE = 0.35
_DEARER = {"us-east-1": 1.0, "us-west-2": 1.08}
_IMAGES = ("skypilot:custom-cpu-ubuntu", "skypilot:custom-gpu-ubuntu", "skypilot:custom-gpu-ubuntu-cuda13")


@dataclass(frozen=True, slots=True)
class Hardware:
    """One instance type; its price is of us-east-1, in dollars an hour."""

    name: str
    cpus: int
    memory: int
    price: float
    gpu: str = ""
    gpus: int = 0
    gpu_memory: int = 0


HARDWARE = (
    Hardware("c6i.large", 2, 4, 0.085),
    Hardware("m6i.large", 2, 8, 0.096),
    Hardware("m6i.xlarge", 4, 16, 0.192),
    Hardware("m6i.2xlarge", 8, 32, 0.384),
    Hardware("r6i.xlarge", 4, 32, 0.252),
    Hardware("g5.xlarge", 4, 16, 1.006, "A10G", 1, 24576),
    Hardware("g5.12xlarge", 48, 192, 5.672, "A10G", 4, 24576),
    Hardware("p4d.24xlarge", 96, 1152, 32.773, "A100", 8, 40960),
)


def price(name: str, region: str, *, spot: bool = False) -> float:
    """What one instance costs an hour."""
    hardware = next(each for each in HARDWARE if each.name == name)
    return round(hardware.price * _DEARER[region] * (SPOT_SHARE if spot else 1), 4)


def image_id(tag: str, region: str) -> str:
    """The machine image of a tag in a region."""
    return f"ami-{_IMAGES.index(tag) * len(ZONES) + list(ZONES).index(region) + 1:017x}"


def write_catalogs(home: Path) -> None:
    """The catalogs of a user of SkyPilot whose HOME is `home`."""
    folder = home / ".sky" / "catalogs" / "v8"
    _write(
        folder / "aws" / "vms.csv",
        "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region,"
        "AvailabilityZone,Arch",
        (
            (each.name, each.gpu, float(each.gpus) if each.gpu else "", float(each.cpus), float(each.memory),
             _gpu_info(each), price(each.name, region), price(each.name, region, spot=True), region, zone, "x86_64")
            for each in HARDWARE for region, zones in ZONES.items() for zone in zones
        ),
    )  # fmt: skip
    _write(
        folder / "aws" / "images.csv",
        "Tag,Region,OS,OSVersion,ImageId,CreationDate,BaseImageId",
        (
            (tag, region, "ubuntu", "22.04", image_id(tag, region), "20241104", "")
            for tag in _IMAGES
            for region in ZONES
        ),
    )
    _write(folder / "aws" / "instance_quota_mapping.csv", "InstanceType,OnDemandInstanceCode,SpotInstanceCode", ())
    gpus = sorted({each.gpu for each in HARDWARE if each.gpu} | {"H100"})
    _write(folder / "common" / "accelerators.csv", "AcceleratorName,Clouds", ((gpu, "['AWS']") for gpu in gpus))


def write_images(file: Path) -> Path:
    """The same machine images, as moto reads them."""
    images = [
        {
            "ami_id": image_id(tag, region), "state": "available", "public": True, "owner_id": "099720109477",
            "image_location": "test", "sriov": "simple", "root_device_type": "ebs", "root_device_name": "/dev/sda1",
            "description": tag, "image_type": "machine", "platform": None, "architecture": "x86_64",
            "name": f"{tag}-{region}", "virtualization_type": "hvm", "hypervisor": "xen",
        }
        for tag in _IMAGES for region in ZONES
    ]  # fmt: skip
    file.write_text(json.dumps(images))
    return file


def _gpu_info(hardware: Hardware) -> str:
    if not hardware.gpu:
        return ""
    gpu = {"Name": hardware.gpu, "Manufacturer": "NVIDIA", "Count": float(hardware.gpus),
           "MemoryInfo": {"SizeInMiB": hardware.gpu_memory}}  # fmt: skip
    return str({"Gpus": [gpu], "TotalGpuMemoryInMiB": hardware.gpus * hardware.gpu_memory})


def _write(file: Path, header: str, rows: Iterable[Sequence[object]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)
