"""The modules of an environment, found in its files: nothing of it is imported, and nothing outside of it is read."""

from __future__ import annotations

import asyncio
import io
import tokenize
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rhresources.errors import NotFound, UsageError
from rhresources.wire import cluster_pb2 as pb
from rhserver.environments.environments import Environments
from rhserver.environments.listing import normalised, site_packages

SOURCE_LIMIT = 1024 * 1024

_COMPILED = (".so", ".pyd")
_DEEPEST = 32
_NAMESPACES = 3
_CACHED = 4
_METADATA = (".dist-info", ".egg-info")
_LINKS = (".pth", ".egg-link")

Owners = Mapping[str, str]
"""{"scipy/stats": "scipy 1.14.1"} of modules; "" where several distributions have a part."""


class Browsing:
    """Answers what modules there are. Belongs to the server's loop."""

    def __init__(self, environments: Environments) -> None:
        self._environments = environments
        self._owners: OrderedDict[tuple[str, int], Owners] = OrderedDict()

    async def browse(self, request: pb.BrowseEnvironmentRequest) -> pb.BrowseEnvironmentReply:
        """The modules directly inside `module`, and its source.

        Raises:
            NotFound: there is no such environment, or no such module in it.
            UsageError: `module` is not the name of a module.
        """
        parts = _checked(request.module)
        with self._environments.kept(request.hash):
            return await asyncio.to_thread(self._browse, request.hash, self._environments.prefix(request.hash), parts)

    def _browse(self, hash: str, prefix: Path, parts: Sequence[str]) -> pb.BrowseEnvironmentReply:
        inside: dict[str, pb.ModuleEntry] = {}
        source: str | None = None
        for site in site_packages(prefix):
            owners = self._owners_in(hash, site)
            folder = site.joinpath(*parts)
            if parts and source is None:
                source = _source(folder, site)
            if _is_within(folder, site) and folder.is_dir():
                for name, is_package in _modules(folder, site):
                    path = "/".join((*parts, name))
                    inside.setdefault(
                        name,
                        pb.ModuleEntry(
                            name=path.replace("/", "."), is_package=is_package, distribution=_owner(path, owners)
                        ),
                    )
        if parts and source is None and not inside:
            raise NotFound(
                f"There is no module {'.'.join(parts)} in the environment {hash[:8]}.",
                remedy="Install the package that has it.",
            )
        return pb.BrowseEnvironmentReply(modules=[inside[name] for name in sorted(inside)], source=source or "")

    def _owners_in(self, hash: str, site: Path) -> Owners:
        key = (f"{hash}/{site}", site.stat().st_mtime_ns)
        owners = self._owners.get(key)
        if owners is None:
            owners = self._owners[key] = read_owners(site)
            while len(self._owners) > _CACHED:
                self._owners.popitem(last=False)
        return owners


def read_owners(site: Path) -> Owners:
    """Which distribution has which modules of `site`, by the lists of files that installers leave."""
    owners: dict[str, str] = {}
    for metadata in site.iterdir():
        if metadata.suffix not in _METADATA or not metadata.is_dir():
            continue
        name, _, rest = metadata.stem.partition("-")
        distribution = f"{normalised(name)} {rest.partition('-py')[0]}".strip()
        for path in _files_of(metadata):
            *folders, file = path.split("/")
            parts = [*folders, file.partition(".")[0]]
            for end in range(1, len(parts) + 1):
                part = "/".join(parts[:end])
                if owners.setdefault(part, distribution) != distribution:
                    owners[part] = ""
    return owners


def _files_of(metadata: Path) -> Iterator[str]:
    """Paths of modules, relative to site-packages."""
    listed = False
    try:
        with (metadata / "RECORD").open(encoding="utf-8", errors="replace") as file:
            for line in file:
                path = line.rsplit(",", 2)[0].strip('"')
                if path.endswith((".py", *_COMPILED)) and not path.startswith(("/", "..")):
                    listed = True
                    yield path
    except OSError:
        pass
    if not listed:
        try:
            names = (metadata / "top_level.txt").read_text("utf-8", "replace").split()
        except OSError:
            return
        yield from names


def _owner(path: str, owners: Owners) -> str:
    return owners.get(path, owners.get(path.partition("/")[0], ""))


def _checked(module: str) -> list[str]:
    parts = module.split(".") if module else []
    if len(parts) > _DEEPEST or not all(part.isidentifier() for part in parts):
        raise UsageError(f"{module[:80]!r} is not the name of a module.", remedy='Write "scipy.stats", for example.')
    return parts


def _is_within(path: Path, site: Path) -> bool:
    return path.resolve().is_relative_to(site)


def _modules(folder: Path, site: Path) -> Iterator[tuple[str, bool]]:
    """(name, whether it is a package) of what can be imported from `folder`; what leads out of `site` is left out."""
    for entry in folder.iterdir():
        name = entry.name.partition(".")[0]
        if not name.isidentifier() or name in ("__pycache__", "__init__") or entry.suffix in (*_METADATA, *_LINKS):
            continue
        if not _is_within(entry, site):
            continue
        if entry.is_dir():
            if entry.name == name and _is_package(entry):
                yield name, True
        elif entry.name == f"{name}.py" or (entry.suffix in _COMPILED and not (folder / name).is_dir()):
            yield name, False


def _is_package(folder: Path, depth: int = 0) -> bool:
    """Regular, or a namespace with a module somewhere near its top."""
    if (folder / "__init__.py").is_file():
        return True
    entries = list(folder.iterdir())
    if any(entry.suffix in (".py", *_COMPILED) for entry in entries):
        return True
    inner = (entry for entry in entries if entry.name.isidentifier() and entry.is_dir() and not entry.is_symlink())
    return depth < _NAMESPACES and any(_is_package(entry, depth + 1) for entry in inner)


def _source(module: Path, site: Path) -> str | None:
    """Its text; "" where it is compiled, too large or a namespace; None where there is no such module."""
    for file in (module / "__init__.py", module.with_name(f"{module.name}.py")):
        if file.is_file() and _is_within(file, site):
            if file.stat().st_size > SOURCE_LIMIT:
                return ""
            return _decoded(file.read_bytes())
    if not _is_within(module.parent, site) or not module.parent.is_dir():
        return None
    compiled = any(
        file.suffix in _COMPILED and _is_within(file, site) for file in module.parent.glob(f"{module.name}.*")
    )
    return "" if compiled else None


def _decoded(data: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding, "replace")
    except (SyntaxError, LookupError):
        return data.decode("utf-8", "replace")
