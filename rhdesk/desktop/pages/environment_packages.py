"""The packages of one environment: asked for, installed, installed at first, newest; what drifted is marked."""

from __future__ import annotations

from collections.abc import Sequence

from rhdesk.core.environment_rows import OWN_PACKAGE, InstalledRow
from rhdesk.desktop.models.columns import Column, Kind
from rhdesk.desktop.widgets.list_panel import ListPanel


class EnvironmentPackages(ListPanel):
    """A list with chips for what drifted; `asking` while the index has not answered yet."""

    def __init__(self) -> None:
        self.asking = False
        super().__init__(self._make_columns(), lambda row: row.name, "Packages")
        self.setProperty("card", False)
        self.set_chips(
            [
                ("all", "All", None),
                ("asked", "Asked for", lambda row: bool(row.wanted)),
                ("drift", "Drifted", lambda row: bool(row.drift)),
                ("newer", "Newer", lambda row: row.is_behind),
            ]
        )
        self.set_empty("No packages in it", "It is Python alone.", "package")

    def set_asking(self, asking: bool) -> None:
        """Whether the newest versions are still being asked for."""
        if asking != self.asking:
            self.asking = asking
            self.table.rows.repaint()

    def show_packages(self, rows: Sequence[InstalledRow]) -> None:
        """Show these; what drifted first."""
        order = ("missing", "changed", "unfit", "added", "")
        self.set_rows(sorted(rows, key=lambda row: (order.index(row.drift), not row.wanted, row.name.casefold())))

    def _make_columns(self) -> list[Column[InstalledRow]]:
        return [
            Column(
                "name", "Package", lambda row: row.name, Kind.TITLE, 160, stretch=True,
                second=lambda row: _second(row), sort=lambda row: row.name.casefold(),
            ),
            Column("wanted", "Asked for", lambda row: row.wanted or "—", Kind.MONO, 150, stretch=True,
                   drop_below=560, tip=lambda row: row.wanted or "Nobody asked for it by name."),
            Column("recorded", "Recorded", lambda row: row.recorded or "—", Kind.MONO, 110, drop_below=760,
                   tip=lambda row: "The version that was installed when the environment was made."),
            Column("version", "Installed", lambda row: row.version or "missing", Kind.MONO, 110,
                   role=lambda row: "error" if not row.version else "warn" if row.drift else "text"),
            Column("newest", "Newest", self._newest, Kind.MONO, 110,
                   role=lambda row: "accent_text" if row.is_behind else ""),
            Column("state", "State", lambda row: row.words, Kind.TEXT, 152, drop_below=500,
                   role=_role, sort=lambda row: (not row.drift, not row.is_behind, row.words)),
        ]  # fmt: skip

    def _newest(self, row: InstalledRow) -> str:
        return row.newest or ("…" if self.asking else "—")


def _second(row: InstalledRow) -> str:
    by = "by conda" if row.kind == "conda" else ""
    needed = "needed by rhdesk" if row.name == OWN_PACKAGE else "needed by others"
    return " · ".join(part for part in (by, "" if row.wanted or row.drift == "added" else needed) if part)


def _role(row: InstalledRow) -> str:
    if row.drift:
        return "error" if row.drift == "missing" else "warn"
    return "accent_text" if row.is_behind else "text_muted"
