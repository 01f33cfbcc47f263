"""Environments of clusters as rows, and what can be told from them: drift, what may go, requirements. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rhresources.wire import cluster_pb2 as pb

_STATES = ("ready", "installing", "failed")


@dataclass(frozen=True)
class EnvironmentRow:
    """One environment of a cluster.

    Attributes:
        packages: as people wrote them.
        created, used: seconds since the epoch; 0: never.
        renewed: when it was asked for anew; 0: it is as it was first made.
        state: "ready", "installing" or "failed".
        contents: what saved packages among them stood for when it was made: "numpy==1.26".
        host: where it is; empty on a cluster of one. An environment has a row for each host.
    """

    hash: str
    python: str
    packages: tuple[str, ...]
    bytes: int
    created: float
    used: float
    in_use: bool
    state: str
    setup_commands: tuple[str, ...] = ()
    renewed: float = 0.0
    host: str = ""
    contents: str = ""

    @classmethod
    def of(cls, environment: pb.Environment) -> EnvironmentRow:
        """The row of an environment as a cluster tells it."""
        state = _STATES[environment.state] if environment.state < len(_STATES) else "ready"
        return cls(
            environment.hash,
            environment.python,
            tuple(environment.packages),
            environment.bytes,
            environment.created,
            environment.used,
            environment.in_use,
            state,
            tuple(environment.spec.setup_commands),
            float(environment.spec.renewed),
            environment.host,
            ", ".join(filter(None, map(_contents, environment.spec.packages))),
        )

    @property
    def title(self) -> str:
        """What it was made of, on one line."""
        return ", ".join(self.packages) or "No packages"

    @property
    def key(self) -> str:
        """Tells it from every other row of its cluster."""
        return f"{self.hash} {self.host}".rstrip()

    @property
    def facts(self) -> str:
        """Where it is, what it was made of where that is not the title, its Python and the beginning of its hash."""
        return " · ".join(part for part in (self.host, self.contents, f"Python {self.python}", self.hash[:8]) if part)

    @property
    def last_use(self) -> float:
        """When it was used last; one that never was counts from when it was made."""
        return self.used or self.created

    @property
    def fixed(self) -> str:
        """Why it cannot be removed now; empty: it can."""
        if self.state == "installing":
            return "It is being installed."
        return "Something runs in it now." if self.in_use else ""


def _contents(package: pb.PackageSpec) -> str:
    """What a package that was asked for by its saved name stood for; empty: its own words say that."""
    if not package.spec.startswith("rh:"):
        return ""
    if package.tree.ByteSize():
        return package.revision[:7]
    return " ".join((package.target, *package.options))


def one_of_each(rows: Iterable[EnvironmentRow]) -> list[EnvironmentRow]:
    """Each environment once, on however many hosts it is."""
    found: dict[str, EnvironmentRow] = {}
    for row in rows:
        found.setdefault(row.hash, row)
    return list(found.values())


OWN_PACKAGE = "cloudpickle"
"""What rhdesk itself needs and puts into every environment."""


@dataclass(frozen=True)
class InstalledRow:
    """One package of an environment: what was asked for, what is there, what was there at first, what there could be.

    Attributes:
        version: there now; empty: missing.
        recorded: when the environment was made; empty: it was not there.
        wanted: "numpy>=1.26" as the specification asks; empty: a dependency, or added by hand.
        newest: what the same specification would bring today; empty: not known.
    """

    name: str
    kind: str
    version: str
    recorded: str
    wanted: str
    newest: str
    fits: bool

    @classmethod
    def of(cls, package: pb.InstalledPackage) -> InstalledRow:
        """The row of a package as a cluster tells it."""
        return cls(
            package.name,
            package.kind or "pip",
            package.version,
            package.recorded,
            package.wanted,
            package.newest,
            package.fits,
        )

    @property
    def drift(self) -> str:
        """How it differs from what was installed: "missing", "added", "changed", "unfit", or nothing."""
        if not self.version:
            return "missing"
        if not self.recorded:
            return "added"
        if self.version != self.recorded:
            return "changed"
        return "" if self.fits else "unfit"

    @property
    def is_behind(self) -> bool:
        """Whether the same specification would bring another version today."""
        return bool(self.version and self.newest and self.newest != self.version)

    @property
    def words(self) -> str:
        """What there is to say about it in a word or two."""
        said = {
            "missing": "Missing",
            "added": "Added by hand",
            "changed": "Changed by hand",
            "unfit": "Not what was asked for",
        }.get(self.drift, "")
        return said or ("Newer available" if self.is_behind else "As installed")


def requirements_text(environment: EnvironmentRow, packages: Iterable[InstalledRow]) -> str:
    """The versions that are installed, as a requirements.txt; what came from conda stands in comments."""
    rows = sorted((row for row in packages if row.version), key=lambda row: row.name.casefold())
    lines = [f"# Python {environment.python}"]
    lines += [f"{row.name}=={row.version}" for row in rows if row.kind != "conda"]
    by_conda = [f"#   {row.name}={row.version}" for row in rows if row.kind == "conda"]
    if by_conda:
        lines += ["# by conda:", *by_conda]
    return "\n".join(lines) + "\n"


def version_changes(before: Sequence[InstalledRow], after: Sequence[InstalledRow]) -> list[tuple[str, str, str]]:
    """(name, version before, version after) of what differs, by name; "" where it is not installed."""
    old = {row.name: row.version for row in before if row.version}
    new = {row.name: row.version for row in after if row.version}
    names = sorted({*old, *new}, key=str.casefold)
    return [(name, old.get(name, ""), new.get(name, "")) for name in names if old.get(name, "") != new.get(name, "")]
