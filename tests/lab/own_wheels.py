"""Wheels of everything that this Python has installed for rhdesk's server, packed anew from its files: no network."""

from __future__ import annotations

import re
import zipfile
from importlib import metadata
from pathlib import Path

from rhresources.package_words import normal_name

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][\w.-]*)")


def make_wheels(folder: Path, *, without: tuple[str, ...] = ()) -> list[Path]:
    """Fill `folder` with the wheels that `rhdesk[server]` needs here.

    Args:
        folder: made if it is not there.
        without: names of packages that are left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made: dict[str, Path | None] = {}
    todo = [text for text in metadata.requires("rhdesk") or [] if "extra" not in text or "'server'" in text]
    while todo:
        found = _REQUIREMENT.match(todo.pop())
        assert found is not None
        name = normal_name(found[1])
        if name in made:
            continue
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            made[name] = None  # of another system or Python
            continue
        made[name] = _pack(distribution, folder) if name not in without else None
        todo += [text for text in distribution.requires or [] if "extra ==" not in text]
    return [wheel for wheel in made.values() if wheel is not None]


def _pack(distribution: metadata.Distribution, folder: Path) -> Path:
    tags = [line.partition(":")[2].strip() for line in (distribution.read_text("WHEEL") or "").splitlines()
            if line.startswith("Tag:")]  # fmt: skip
    python, abi, _ = tags[0].split("-")
    platforms = ".".join(sorted({tag.split("-")[2] for tag in tags}))
    pythons = ".".join(sorted({tag.split("-")[0] for tag in tags}))
    stem = f"{re.sub(r'[-_.]+', '_', distribution.metadata['Name'])}-{distribution.version}"
    path = folder / f"{stem}-{pythons or python}-{abi}-{platforms}.whl"
    names = []
    info = next(str(file.parent) for file in distribution.files or [] if file.name == "METADATA")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in distribution.files or []:
            source = Path(str(file.locate()))
            if file.suffix == ".pyc" or file.name in ("RECORD", "INSTALLER", "REQUESTED") or not source.is_file():
                continue
            name = str(file)
            if name.startswith(".."):
                name = f"{info.removesuffix('.dist-info')}.data/scripts/{file.name}"
                if source.stat().st_size < 10_000:  # made from entry_points.txt again
                    continue
            archive.write(source, name)
            names.append(name)
        record = f"{info}/RECORD"
        archive.writestr(record, "".join(f"{name},,\n" for name in [*names, record]))
    return path
