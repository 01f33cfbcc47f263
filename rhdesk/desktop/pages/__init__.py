"""The pages of the window, in the order of the sidebar. Each is imported when it is first shown."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from rhdesk.core.desk import Desk
from rhdesk.desktop.widgets.page import Page


@dataclass(frozen=True)
class PageSpec:
    """Where a page stands and where its class is. `table` is the store's table whose rows the badge counts."""

    id: str
    title: str
    icon: str
    module: str
    class_name: str
    section: str = ""
    table: str = ""

    def make(self, desk: Desk) -> Page:
        made = getattr(import_module(f"rhdesk.desktop.pages.{self.module}"), self.class_name)(desk)
        assert isinstance(made, Page)
        return made


PAGES = (
    PageSpec("overview", "Overview", "layout-dashboard", "overview", "OverviewPage"),
    PageSpec("clusters", "Clusters", "server", "clusters", "ClustersPage", table="clusters"),
    PageSpec("functions", "Functions", "square-function", "functions", "FunctionsPage", table="functions"),
    PageSpec("packages", "Packages", "package", "packages", "PackagesPage", table="packages"),
    PageSpec("runs", "Runs", "play", "runs", "RunsPage", table="runs"),
    PageSpec("names", "Resource names", "folder-tree", "names", "NamesPage", section="Workspace"),
    PageSpec("ports", "Ports", "network", "ports", "PortsPage", section="Workspace", table="forwards"),
    PageSpec("clouds", "Clouds", "cloud", "clouds", "CloudsPage", section="Workspace", table="found"),
    PageSpec("credentials", "Credentials", "key-round", "credentials", "CredentialsPage", section="Workspace"),
    PageSpec("settings", "Settings", "settings", "settings", "SettingsPage", section="Workspace"),
)


def page_keys(number: int) -> str:
    """The keys of the page with this number from 1: the tenth has the key after 9."""
    return f"Ctrl+{number % 10}"
