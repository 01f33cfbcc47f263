"""The window on clusters in clouds that somebody else's SkyPilot runs: shown as told, and left to it."""

from __future__ import annotations

import time

from desktop.registry_parts import SOON, words
from lab.sshd import free_port
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from rhdesk.core.rows import ClusterRow, State
from rhdesk.desktop.cloud_acts import why_not_stop
from rhdesk.desktop.cluster_acts import why_not_down, why_not_up
from rhdesk.desktop.pages.names import NamesPage
from rhdesk.desktop.pages.overview import OverviewPage
from rhresources.documents import parse_document
from rhresources.registry.told import Told, ToldHead
from rhresources.resource_names import ResourceNames

GPU = "/bob/gpu"


def told(state: str, *, head: ToldHead | None = None, life: str = "1") -> Told:
    now = time.time()
    return Told(
        state, since=now, seen=now, source="rh-of-bob", computer="bob@desk", life=life, cloud="aws",
        region="us-east-1", hardware="A100:8", hosts=1, price_per_hour=2.0, launched=now - 3600, head=head,
    )  # fmt: skip


def test_that_a_cluster_of_somebody_else_is_shown_as_told_and_left_alone(
    qtbot: QtBot, names_page: NamesPage, bob: ResourceNames
) -> None:
    shell = names_page.window()
    clusters = names_page.desk.store.clusters
    bob.save(GPU, parse_document({"kind": "cluster", "type": "cloud", "instance_type": "A100:8"}))
    bob.share(GPU, {"alice": "read"})

    def row() -> ClusterRow:
        found = clusters.get(GPU)
        return found if found is not None else ClusterRow(GPU, "gpu", "cloud", State.CONNECTING)

    qtbot.waitUntil(lambda: row().state is State.DOWN, timeout=SOON)
    assert why_not_up(row()) == ""

    bob.tell(GPU, told("stopped"))
    qtbot.waitUntil(lambda: row().state is State.STOPPED, timeout=SOON)
    assert row().standing == "Started by bob (bob@desk) · seen just now"
    for why_not in (why_not_up, why_not_down, why_not_stop):
        assert why_not(row()) == f"{GPU} is left to the SkyPilot that runs it. {row().standing}."
    shell.navigate("clusters", GPU)
    qtbot.waitUntil(lambda: "It is stopped" in words(shell), timeout=SOON)
    shown = [each for each in shell.findChildren(QAbstractButton) if each.isVisible()]
    left_alone = [each for each in shown if "is left to the SkyPilot that runs it" in each.toolTip()]
    assert len(left_alone) >= 2, "to bring it up, and to take it down"
    assert not [each for each in left_alone if each.isEnabled()]

    bob.tell(GPU, told("up", head=ToldHead("127.0.0.1", free_port(), "ubuntu"), life="2"))
    qtbot.waitUntil(lambda: row().state is State.UNREACHABLE, timeout=SOON)
    assert "bob (bob@desk) saw just now that /bob/gpu is up, and its head is not reached from here" in row().sentence
    assert row().price_per_hour == 2.0
    assert not names_page.desk.store.found.rows()

    bob.tell(GPU, told("down"))
    qtbot.waitUntil(lambda: row().state is State.DOWN and row().told is None, timeout=SOON)
    assert why_not_up(row()) == ""


def test_that_the_overview_counts_what_others_launched_as_what_it_is(
    qtbot: QtBot, names_page: NamesPage, bob: ResourceNames
) -> None:
    shell = names_page.window()
    for name in ("seen", "away", "asleep", "coming"):
        bob.save(f"@/{name}", parse_document({"kind": "cluster", "type": "cloud", "instance_type": "A100:8"}))
    bob.share("/bob", {"alice": "read"})
    bob.tell("@/seen", told("up", life="1"))
    bob.tell("@/away", told("up", head=ToldHead("127.0.0.1", free_port(), "ubuntu"), life="2"))
    bob.tell("@/asleep", told("stopped", life="3"))
    bob.tell("@/coming", told("launching", life="4"))
    shell.navigate("overview", "")
    page = shell.page
    assert isinstance(page, OverviewPage)
    clusters = names_page.desk.store.clusters

    def told_of(name: str) -> bool:
        return (row := clusters.get(f"/bob/{name}")) is not None and row.told is not None

    qtbot.waitUntil(lambda: all(map(told_of, ("seen", "away", "asleep", "coming"))), timeout=SOON)
    qtbot.waitUntil(lambda: clusters.get("/bob/away").state is State.UNREACHABLE, timeout=SOON)
    page.refresh()
    total = len([row for row in clusters.rows() if not row.is_template])
    said = words(page.up).splitlines()
    assert said == ["Clusters up", "2", f"of {total}", "1 launching, 2 launched elsewhere"]
    assert page.clusters.chips.chip("up").text() == "Up 2", "the list counts the same"
    assert "Nothing of yours is up" in words(page.spending), "others pay for theirs"
    assert words(page.spending).splitlines()[1] == "$0.00"
    assert "/bob/away cannot be reached" not in words(page.attention), "it is no concern of ours"
