"""A real conda channel in a folder, with packages made here, a real Python among them; and a stand-in for conda's
programs, because none of them can be had from a package index."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import shlex
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import rattler.index

PLACEHOLDER = "/opt/conda-lab-placeholder-" + "p" * 228
"""Stands in files for the prefix that they are installed into; 255 bytes, the usual length."""

_LEFT_OUT = ("site-packages/", "__pycache__", "/test/", "/tests/", "/idlelib/", "/tkinter/", "/ensurepip/", "config-",
             "/lib2to3/", "/turtledemo/", "/pydoc_data/")  # fmt: skip


class CondaChannel:
    """A channel in `folder`.

    Args:
        folder: a new one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        """What is given as `--channel`."""
        return self.folder.as_uri()

    def add(
        self,
        name: str,
        version: str,
        files: Mapping[str, bytes] | None = None,
        depends: Sequence[str] = (),
        *,
        python: bool = False,
        executable: frozenset[str] = frozenset(),
        links: Mapping[str, str] | None = None,
        subdir: str = "noarch",
    ) -> None:
        """A package. `python`: files in site-packages/ go to wherever Python has them."""
        out = self.folder / subdir
        out.mkdir(exist_ok=True)
        files = files or {}
        links = links or {}
        paths: list[dict[str, object]] = [{"_path": path, "path_type": "softlink"} for path in links]
        for path, content in files.items():
            entry: dict[str, object] = {
                "_path": path,
                "path_type": "hardlink",
                "sha256": hashlib.sha256(content).hexdigest(),
                "size_in_bytes": len(content),
            }
            if PLACEHOLDER.encode() in content:
                entry |= {"prefix_placeholder": PLACEHOLDER, "file_mode": "text"}
            paths.append(entry)
        index: dict[str, object] = {
            "name": name, "version": version, "build": "0", "build_number": 0, "depends": list(depends),
            "subdir": subdir, "timestamp": 1700000000000,
        }  # fmt: skip
        if subdir == "noarch":
            index["noarch"] = "python" if python else "generic"
        infos: dict[str, object] = {
            "info/index.json": index,
            "info/paths.json": {"paths": paths, "paths_version": 1},
            "info/about.json": {},
        }
        if python:
            infos["info/link.json"] = {
                "noarch": {"type": "python", "entry_points": []}, "package_metadata_version": 1
            }  # fmt: skip
        with tarfile.open(out / f"{name}-{version}-0.tar.bz2", "w:bz2", compresslevel=1) as archive:
            for path, info in infos.items():
                _member(archive, path, json.dumps(info).encode())
            _member(archive, "info/files", "\n".join([*files, *links]).encode())
            for path, content in files.items():
                _member(archive, path, content, 0o755 if path in executable else 0o644)
            for path, target in links.items():
                link = tarfile.TarInfo(path)
                link.type, link.linkname = tarfile.SYMTYPE, target
                archive.addfile(link)

    def add_module(self, name: str, version: str, depends: Sequence[str] = ()) -> None:
        """A pure Python distribution with one module, as conda-build makes it."""
        info = f"site-packages/{name}-{version}.dist-info"
        self.add(
            name,
            version,
            {
                f"site-packages/{name}.py": f"VERSION = {version!r}\nPREFIX = {PLACEHOLDER!r}\n".encode(),
                f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
                f"{info}/INSTALLER": b"conda\n",
                f"{info}/RECORD": f"{name}.py,,\n{info[14:]}/METADATA,,\n{info[14:]}/INSTALLER,,\n".encode(),
            },
            ["python", *depends],
            python=True,
        )

    def add_python(self) -> str:
        """The Python that runs this, repacked; its version."""
        root = Path(sys.base_prefix)
        version = ".".join(map(str, sys.version_info[:3]))
        short = ".".join(map(str, sys.version_info[:2]))
        files = {f"lib/python{short}/site-packages/.keep": b""}
        links = {"bin/python": f"python{short}", "bin/python3": f"python{short}"}
        for path in [root / "bin" / f"python{short}", *(root / "lib").rglob("*")]:
            name = path.relative_to(root).as_posix()
            if any(part in name for part in _LEFT_OUT) or name.endswith((".a", ".pyc")):
                continue
            if path.is_symlink():
                links[name] = os.readlink(path)
            elif path.is_file() and name.startswith((f"bin/python{short}", f"lib/python{short}/", "lib/libpython")):
                files[name] = path.read_bytes()
        self.add("python", version, files, links=links, subdir=_platform(),
                 executable=frozenset({f"bin/python{short}"}))  # fmt: skip
        return version

    async def index(self) -> None:
        """Write the lists of packages; after the last `add`."""
        (self.folder / "noarch").mkdir(exist_ok=True)
        await rattler.index.index_fs(self.folder, write_zst=False, write_shards=False)


def _platform() -> str:
    return str(rattler.Subdir.current())


def _member(archive: tarfile.TarFile, path: str, content: bytes, mode: int = 0o644) -> None:
    info = tarfile.TarInfo(path)
    info.size, info.mode = len(content), mode
    archive.addfile(info, io.BytesIO(content))


# ---------------------------------------------------------------- a stand-in for conda's programs


def stand_in(file: Path, log: Path) -> Path:
    """Write a program that takes the arguments of `conda create` (as micromamba and mamba do) and follows them with
    py-rattler; a stand-in for the real ones. Each call's arguments are appended to `log`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        f"#!/bin/sh\nprintf '%s\\n' \"$*\" >> {shlex.quote(str(log))}\n"
        f'exec {shlex.quote(sys.executable)} {shlex.quote(__file__)} "$@"\n'
    )
    file.chmod(0o755)
    return file


async def _create(arguments: Any) -> None:
    records = await rattler.solve(list(map(rattler.Channel, arguments.channel)), arguments.specs)
    rows = [{"name": record.name.normalized, "version": str(record.version)} for record in records]
    if arguments.dry_run:
        print("a line before the answer")
        print(json.dumps({"success": True, "dry_run": True, "actions": {"LINK": rows, "PREFIX": arguments.prefix}}))
        return
    print("Transaction starting")
    await rattler.install(records, arguments.prefix, show_progress=False)
    print("Transaction finished")


def main() -> None:
    """`create` and nothing else."""
    import argparse

    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["create"])
    parser.add_argument("--yes", action="store_true", required=True)
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--override-channels", action="store_true", required=True)
    parser.add_argument("--strict-channel-priority", action="store_true")
    parser.add_argument("--channel", action="append", default=[])
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("specs", nargs="+")
    try:
        asyncio.run(_create(parser.parse_args()))
    except Exception as error:
        print(f"error    libmamba Could not solve for environment specs\n{error}", file=sys.stderr, flush=True)
        os._exit(1)
    sys.stdout.flush()
    os._exit(0)  # threads of the solver that still run could make Python's own way out abort


if __name__ == "__main__":
    main()
