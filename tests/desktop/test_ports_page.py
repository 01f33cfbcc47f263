"""The page of the forwarded ports, with real ports of this computer."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from rhdesk.core.desk import Desk
from rhdesk.core.rows import ForwardRow, State
from rhdesk.desktop.dialogs.forward_port import ForwardPort, free_port
from rhdesk.desktop.pages.ports import PortsPage
from rhdesk.desktop.widgets.base import Button


@pytest.fixture
def service() -> Iterator[int]:
    """The port of something that listens and says hello."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def page(desk: Desk, qtbot: QtBot) -> PortsPage:
    made = PortsPage(desk)
    made.header_buttons()
    qtbot.addWidget(made)
    made.resize(1000, 600)
    made.show()
    qtbot.waitUntil(lambda: "^local" in desk.store.clusters, timeout=10_000)
    return made


def words(widget: QWidget) -> str:
    QApplication.processEvents()
    return " | ".join(label.text() for label in widget.findChildren(QLabel) if label.isVisibleTo(widget))


def fill(dialog: ForwardPort, remote: str, local: str = "") -> None:
    dialog.remote.setText(remote)
    dialog.local.setText(local)
    dialog.forward()


def test_an_empty_page_says_what_it_is_for(page: PortsPage) -> None:
    assert "No ports are forwarded" in words(page)
    assert not page._end.isEnabled()


def test_a_port_is_forwarded_used_copied_and_stopped(page: PortsPage, service: int, qtbot: QtBot) -> None:
    forwards = page.desk.store.forwards
    dialog = page.forward("^local")
    fill(dialog, str(service))
    qtbot.waitUntil(lambda: len(forwards) == 1, timeout=10_000)
    [row] = forwards.rows()
    assert row.local_port != service, "that one is taken, so the next was used"
    socket.create_connection(("127.0.0.1", row.local_port), timeout=5).close()
    qtbot.waitUntil(lambda: page.list.selected() == [row], timeout=5_000)
    page._copy.click()
    assert QGuiApplication.clipboard().text() == f"127.0.0.1:{row.local_port}"
    page.list.table.setFocus()
    QTest.keyClick(page.list.table, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: len(forwards) == 0, timeout=10_000)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", row.local_port), timeout=5)


def test_a_taken_port_says_so_and_offers_a_free_one(page: PortsPage, service: int, qtbot: QtBot) -> None:
    dialog = page.forward("^local")
    fill(dialog, "8080", str(service))
    qtbot.waitUntil(lambda: f"Port {service} of this computer is taken." in words(dialog), timeout=10_000)
    assert dialog.local.property("invalid")
    offer = next(one for one in dialog.findChildren(Button) if one.text().startswith("Use "))
    port = int(offer.text().removeprefix("Use "))
    offer.click()
    forwards = page.desk.store.forwards
    qtbot.waitUntil(lambda: len(forwards) == 1, timeout=10_000)
    assert forwards.rows()[0].local_port == port


@pytest.mark.parametrize(
    ("remote", "local", "said"),
    [
        ("", "", "Which port on the cluster?"),
        ("0", "", "0 is not a port on the cluster."),
        ("70000", "", "70000 is not a port on the cluster."),
        ("http", "", "http is not a port on the cluster."),
        ("80", "-1", "-1 is not a port on this computer."),
        ("٨٠", "", "is not a port"),
    ],
)
def test_what_is_no_port_is_refused_in_place(page: PortsPage, qtbot: QtBot, remote: str, local: str, said: str) -> None:
    dialog = page.forward("^local")
    fill(dialog, remote, local)
    assert said in words(dialog)
    assert "from 1 to 65535" in words(dialog)
    QTest.keyClicks(dialog.remote, "1")
    assert said not in words(dialog)
    dialog.reject()


def test_a_cluster_that_cannot_be_reached_says_so_in_the_dialog(
    page: PortsPage, save: object, qtbot: QtBot, desk: Desk
) -> None:
    closed = free_port(20_000)
    assert callable(save)
    save("lab", f"kind: cluster\ntype: ssh\nips: [127.0.0.1]\nssh_creds: {{ssh_port: {closed}, log_in: key}}\n")
    qtbot.waitUntil(lambda: "~/lab" in desk.store.clusters, timeout=10_000)
    dialog = page.forward("~/lab")
    fill(dialog, "8080")
    qtbot.waitUntil(lambda: "no SSH server listens" in words(dialog), timeout=20_000)
    assert dialog.isVisible()
    assert len(desk.store.forwards) == 0


def test_a_port_that_waits_shows_it_and_is_not_opened(page: PortsPage) -> None:
    row = ForwardRow("7", "~/lab", 8888, "127.0.0.1", 8888, State.CONNECTING, "The connection was lost.")
    page.desk.store.forwards.replace({"7": row})
    page.list.select("7")
    assert not page._browse.isEnabled()
    page._open(row)
    assert page.desk.notifier.notices()[0].sentence == "The connection was lost."
    assert ForwardRow("8", "~/lab", 1, "db", 5432, State.OPEN).remote == "db:5432"
