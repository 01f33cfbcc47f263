"""The real window on 10,000 names, measured from within: `window_names.py`, RH_HOME given, with the names in it."""

from __future__ import annotations

import asyncio
import sys

from lab.many_names import MANY, package
from measured_window import MeasuredWindow, shown_window, until
from PySide6.QtCore import QTimer

from rhdesk.desktop.app import make_application, run_window
from rhdesk.desktop.pages.names import NamesPage
from rhdesk.desktop.pages.packages import PackagesPage
from rhdesk.desktop.shell import Shell

SEEN = 0.5
"""Seconds that somebody looks at what came."""
TYPED = ("n", "na", "name-4", "name-49", "name-49 kind", "package", "")


class Acts(MeasuredWindow):
    """On the page Resource names, and on others that list names."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell, 4, SEEN)  # the ticks of 4 ms are hardly part of the figure

    async def come(self) -> None:
        """The page is in sight, and the names come."""
        self.shell.navigate("names")
        self.meter.start()
        await until(lambda: len(self.desk.store.names) >= MANY)

    async def look(self) -> None:
        """Somebody looks on for a while, every name in sight."""
        page = await self._page()
        page._search.setText("name")
        await asyncio.sleep(SEEN)
        self.meter.start()
        await asyncio.sleep(3)
        page._search.clear()

    async def unfold(self) -> None:
        """Every folder is opened, and closed again."""
        page = await self._page()
        self.meter.start()
        folders = [node for node in page.tree.lines.shown() if node.is_folder and not page.tree.lines.is_open(node)]
        for folder in folders[:8]:
            page.tree.switched.emit(folder, True)
            await asyncio.sleep(0.05)
        for folder in folders[:8]:
            page.tree.switched.emit(folder, False)
            await asyncio.sleep(0.05)

    async def search(self) -> None:
        """Letters typed into the search of the page."""
        page = await self._page()
        self.meter.start()
        for text in TYPED:
            page._search.setText(text)
            await asyncio.sleep(0.15)

    async def palette(self) -> None:
        """Letters typed into the palette."""
        await self._page()
        self.meter.start()
        self.shell.open_palette()
        for text in TYPED:
            assert self.shell.palette_dialog is not None
            self.shell.palette_dialog.field.setText(text)
            await asyncio.sleep(0.15)
        self.shell.palette_dialog.close()

    async def filter(self) -> None:
        """Letters typed into the filter of the page Packages."""
        self.shell.navigate("packages")
        await asyncio.sleep(SEEN)
        page = self.shell.page
        assert isinstance(page, PackagesPage)
        self.meter.start()
        for text in TYPED:
            page.list.filter.setText(text)
            await asyncio.sleep(0.15)

    async def change(self) -> None:
        """Somebody changes one name, while every name is in sight."""
        page = await self._page()
        page._search.setText("name")
        await asyncio.sleep(SEEN)
        path = self.desk.home / "resources" / "folder-0" / "name-0.yaml"
        before = self.desk.store.names.get("~/folder-0/name-0")
        self.meter.start()
        await asyncio.to_thread(path.write_text, package(self.number), "utf-8")
        await until(lambda: self.desk.store.names.get("~/folder-0/name-0") != before)
        await asyncio.sleep(SEEN)
        page._search.clear()

    async def pages(self) -> None:
        """The pages that list what has a name, one after the other."""
        self.meter.start()
        for page in ("packages", "functions", "clusters", "overview", "names"):
            self.shell.navigate(page)
            await asyncio.sleep(0.3)

    async def _page(self) -> NamesPage:
        self.shell.navigate("names")
        await asyncio.sleep(SEEN)
        page = self.shell.page
        assert isinstance(page, NamesPage)
        return page


def serve_acts() -> None:
    """Answer standard input, from within the running window."""
    Acts(shown_window()).serve(0.1)


if __name__ == "__main__":
    application = make_application(sys.argv)  # lives as long as this name
    QTimer.singleShot(0, application, serve_acts)
    sys.exit(run_window(sys.argv))
