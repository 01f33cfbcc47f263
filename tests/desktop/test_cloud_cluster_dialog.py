"""A cluster in a cloud is made: an offer chosen, the whole request reviewed with its price, saved or launched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from desktop.cloud_parts import LONG, OFFERS, click, on_loop, opened, press, state_word, words, write
from lab.skypilot_stand_in import StandInSkyPilot
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from rhdesk.core.offers import OfferFilter, fitting
from rhdesk.desktop.app import start
from rhdesk.desktop.dialogs.clusters import edit_cluster, launch_cluster, new_cloud_cluster
from rhdesk.desktop.dialogs.new_cloud_cluster import CloudClusterDialog
from rhdesk.desktop.shell import Shell
from rhresources.cloud.answers import Offer
from rhresources.cloud.problems import CloudProblem
from rhresources.cloud.task import sky_name
from rhresources.documents import ClusterDocument, parse_document


@pytest.fixture
def sky(sky: StandInSkyPilot) -> StandInSkyPilot:
    sky.all_offers = list(OFFERS)
    return sky


@pytest.fixture
def shell(cloud_shell: Shell, qtbot: QtBot) -> Iterator[Shell]:
    start(cloud_shell, settings=False)
    qtbot.waitUntil(lambda: "^rh-a100" in cloud_shell.desk.store.clusters, timeout=LONG)
    yield cloud_shell
    for dialog in cloud_shell.findChildren(CloudClusterDialog):
        dialog.done(0)


def dialog_of(shell: Shell, qtbot: QtBot, *, loaded: bool = True) -> CloudClusterDialog:
    qtbot.waitUntil(lambda: opened(shell, "cloud-cluster-dialog") is not None, timeout=LONG)
    dialog = opened(shell, "cloud-cluster-dialog")
    assert isinstance(dialog, CloudClusterDialog)
    if loaded:
        qtbot.waitUntil(lambda: bool(dialog.loading.offers), timeout=LONG)
    return dialog


@pytest.fixture
def dialog(shell: Shell, qtbot: QtBot) -> CloudClusterDialog:
    new_cloud_cluster(shell.desk, shell)
    return dialog_of(shell, qtbot)


def shown(dialog: CloudClusterDialog) -> list[tuple[str, str]]:
    return [(offer.cloud, offer.instance_type) for offer in dialog.picker.table.rows.shown_rows()]


def retype(field: QWidget, text: str) -> None:
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(field, Qt.Key.Key_Delete)
    QTest.keyClicks(field, text)


def saved(shell: Shell, name: str) -> ClusterDocument:
    document = parse_document((shell.desk.home / "resources" / f"{name}.yaml").read_text())
    assert isinstance(document, ClusterDocument)
    return document


# ---------------------------------------------------------------- the offers


def test_that_only_what_can_be_had_is_offered_and_the_cheapest_is_marked(dialog: CloudClusterDialog) -> None:
    assert shown(dialog)[0] == ("aws", "m6i.large"), "the cheapest first"
    assert ("gcp", "a2-highgpu-8g") not in shown(dialog), "that cloud is not set up"
    assert "Cheapest" in [dialog.picker._mark(offer) for offer in OFFERS if offer.instance_type == "m6i.large"]
    dialog.picker.enabled.click()
    assert ("gcp", "a2-highgpu-8g") in shown(dialog)
    marks = {offer.instance_type: dialog.picker._mark(offer) for offer in OFFERS}
    assert marks["a2-highgpu-8g"] == "Not set up"
    assert "offers · 2 clouds set up" in words(dialog)


def test_that_filters_leave_what_fits(dialog: CloudClusterDialog, qtbot: QtBot) -> None:
    picker = dialog.picker
    assert [value for value, _ in picker.kind._values()] == ["CPU", "A100", "H100", "L4"]
    picker.look_for(OfferFilter("A100", 8))
    assert shown(dialog) == [("aws", "p4d.24xlarge"), ("aws", "p4d.24xlarge")]
    assert [value for value, _ in picker.region._values()] == ["us-east-1", "us-west-2"]
    picker.look_for(OfferFilter(region="us-west-2"))
    assert [offer.region for offer in picker.table.rows.shown_rows()] == ["us-west-2"]
    picker.look_for(OfferFilter(spot=True))
    assert ("slurm", "-") not in shown(dialog), "it has no spot instances"
    picker.look_for(OfferFilter("B200"))
    qtbot.waitUntil(lambda: "No offer fits" in words(dialog), timeout=LONG)


def test_that_a_great_many_offers_are_filtered_and_sorted(shell: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    sky.all_offers = [
        Offer(
            f"cloud{cloud}", f"region-{region}", f"type-{size}", "H100", size % 8 + 1, 8, 64, 100.0 - size, 50.0 + size
        )
        for cloud in range(10)
        for region in range(50)
        for size in range(40)
    ]
    new_cloud_cluster(shell.desk, shell)
    dialog = dialog_of(shell, qtbot)
    assert "20,000 offers" in words(dialog)
    table = dialog.picker.table
    assert table.rows.shown_rows()[0].price == 61.0
    place = [column.key for column in table.rows.columns].index("spot")
    table.rows.sort(place, Qt.SortOrder.AscendingOrder)
    assert table.rows.shown_rows()[0].spot_price == 50.0
    dialog.picker.search.setText("cloud7 region-49 type-39")
    qtbot.waitUntil(lambda: table.rows.rowCount() == 1, timeout=LONG)
    assert [offer.key for offer in table.rows.shown_rows()] == ["cloud7/region-49/type-39/H100:8"]
    assert "1 of 20,000 offers" in words(dialog)
    assert dialog.next.isEnabled(), "what is found is chosen"
    dialog.picker.search.setText("cloud7 of nobody")
    qtbot.waitUntil(lambda: "No offer fits" in words(dialog), timeout=LONG)
    press(dialog, "Show all")
    assert table.rows.rowCount() == 20_000


def test_that_loading_says_what_goes_on_and_a_failure_why(shell: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    gate = sky.lists["offers"] = asyncio.Event()
    sky.fail["offers"] = CloudProblem("No cloud is set up.", code="no-cloud", remedy="Set one up, then check again.")
    new_cloud_cluster(shell.desk, shell)
    dialog = dialog_of(shell, qtbot, loaded=False)
    qtbot.waitUntil(lambda: "Asking for offers and prices…" in words(dialog), timeout=LONG)
    assert not dialog.next.isEnabled()
    on_loop(shell, gate.set)
    qtbot.waitUntil(lambda: "No cloud is set up." in words(dialog), timeout=LONG)
    assert "Set one up, then check again." in words(dialog)


# ---------------------------------------------------------------- the review


def test_that_a_cluster_is_launched_with_the_keyboard_alone(
    shell: Shell, sky: StandInSkyPilot, qtbot: QtBot, qapp: QApplication
) -> None:
    sky.gates["provisioning"] = asyncio.Event()
    QTest.keyClick(shell, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    dialog = dialog_of(shell, qtbot)
    table = dialog.picker.table
    qtbot.waitUntil(lambda: dialog.focusWidget() is table, timeout=LONG)
    while (offer := dialog.picker.offer()) is None or offer.instance_type != "p4d.24xlarge":
        QTest.keyClick(table, Qt.Key.Key_Down)
    QTest.keyClick(table, Qt.Key.Key_Return)
    assert dialog.name.text() == "~/a100"
    assert dialog.focusWidget() is dialog.name
    QTest.keyClicks(dialog.name, "-run")
    retype(dialog.form.hosts.line, "2")
    qtbot.waitUntil(lambda: "$65.54" in words(dialog), timeout=LONG)
    assert "$1,572.96 a day, $47,844 a month if it never stops" in words(dialog)
    assert "2 hosts with 8 × A100, on demand" in words(dialog)
    assert "Stops after 1 h idle." in words(dialog), "autostop is on unless one says otherwise"
    assert "num_instances: 2" in dialog.second.review.yaml.toPlainText()
    assert sky.asked("launch") == []
    QTest.keyClick(dialog, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: bool(sky.asked("launch")), timeout=LONG)
    document = saved(shell, "a100-run")
    assert (document.instance_type, document.num_instances) == ("A100:8", 2)
    assert (document.provider, document.region) == ("aws", "us-east-1")
    assert (document.autostop_mins, document.autostop_down, document.use_spot) == (60, False, False)
    assert "idle_minutes: 60" in sky.tasks[sky_name("~/a100-run", shell.desk.home)]
    qtbot.waitUntil(lambda: state_word(shell, "~/a100-run") == "Launching", timeout=LONG)
    assert shell.page.title == "Clusters"


def test_that_saving_only_rents_nothing(
    shell: Shell, dialog: CloudClusterDialog, sky: StandInSkyPilot, qtbot: QtBot
) -> None:
    dialog.picker.look_for(OfferFilter("L4"))
    dialog.next.click()
    dialog.form.autostop.after.choose("never")
    qtbot.waitUntil(lambda: "goes on costing money" in words(dialog), timeout=LONG)
    retype(dialog.name, "~/dev")
    click(shell, "cloud-save", qtbot)
    qtbot.waitUntil(lambda: "~/dev" in shell.desk.store.clusters, timeout=LONG)
    assert saved(shell, "dev").autostop_mins == -1
    assert sky.asked("launch") == []


def test_that_what_a_cloud_cannot_do_is_greyed_with_the_reason(dialog: CloudClusterDialog) -> None:
    dialog.next.click()
    form = dialog.form
    retype(form.cloud.line, "slurm")
    assert not form.spot.chip("yes").isEnabled()
    assert "no spot instances" in form.spot.chip("yes").toolTip()
    assert form.autostop.value() == (60, True), "it goes away, as it cannot stop"
    assert "cannot stop hosts" in form.autostop.then.chip("stop").toolTip()
    retype(form.cloud.line, "aws")
    assert form.autostop.then.chip("stop").isEnabled()
    form.spot.choose("yes")
    assert "cannot stop spot instances" in form.autostop.then.chip("stop").toolTip()


def test_that_the_review_says_the_autostop_that_is_asked_for(dialog: CloudClusterDialog, qtbot: QtBot) -> None:
    dialog.picker.look_for(OfferFilter("L4"))
    dialog.next.click()
    qtbot.waitUntil(lambda: dialog.second.review.stops.text() == "Stops after 1 h idle.", timeout=LONG)
    form = dialog.form
    retype(form.cloud.line, "")
    form.spot.choose("yes")
    qtbot.waitUntil(lambda: "Goes away after 1 h idle." in dialog.second.review.stops.text(), timeout=LONG)
    assert "Most clouds cannot stop spot instances" in words(dialog)
    form.spot.choose("no")
    retype(form.region.line, "")
    retype(form.cloud.line, "verda")
    qtbot.waitUntil(lambda: "Never stops by itself." in dialog.second.review.stops.text(), timeout=LONG)
    assert "cannot end hosts by themselves" in words(dialog)


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("region", "us-esat-1", "no region us-esat-1"),
        ("provider", "awz", "no prices of a cloud awz"),
        ("num_instances", "0", "at least 1"),
        ("instance_type", "A100:", "is not an instance"),
        ("disk_size", "big", "whole number"),
        ("labels", "team", "mapping"),
        ("price_per_hour", "-1", "at least 0"),
    ],
)
def test_that_what_is_wrong_is_said_at_its_field(
    dialog: CloudClusterDialog, qtbot: QtBot, field: str, text: str, message: str
) -> None:
    dialog.next.click()
    dialog.form._open_more()
    retype(dialog.form.lines[field].line, text)
    qtbot.waitUntil(lambda: message in dialog.form.errors.get(field, ""), timeout=LONG)
    dialog.launch.click()
    assert dialog.isVisible()


def test_that_a_name_that_is_taken_is_told_and_nothing_is_launched(
    shell: Shell, dialog: CloudClusterDialog, sky: StandInSkyPilot, qtbot: QtBot
) -> None:
    path = write(shell.desk.home, "gpu", "instance_type: T4:1")
    dialog.next.click()
    retype(dialog.name, "~/gpu")
    dialog.launch.click()
    qtbot.waitUntil(lambda: "already" in dialog.second._name_error.text(), timeout=LONG)
    assert "T4:1" in path.read_text()
    assert sky.asked("launch") == []


def test_that_one_is_told_where_nothing_fits(dialog: CloudClusterDialog, qtbot: QtBot) -> None:
    dialog.next.click()
    retype(dialog.form.instance.line, "A100:1")
    retype(dialog.form.cloud.line, "")
    retype(dialog.form.region.line, "")
    qtbot.waitUntil(lambda: "None of the clouds that are set up offers this." in words(dialog), timeout=LONG)
    assert "It is offered by GCP." in words(dialog)
    retype(dialog.form.instance.line, "B200:64")
    qtbot.waitUntil(lambda: "No cloud offers this." in words(dialog), timeout=LONG)
    retype(dialog.form.instance.line, "CPU:2+")
    qtbot.waitUntil(lambda: "an hour or more" in words(dialog), timeout=LONG)


# ---------------------------------------------------------------- from what there is


def test_that_a_built_in_begins_with_its_offers(shell: Shell, qtbot: QtBot) -> None:
    launch_cluster(shell.desk, shell, "^rh-8-a100")
    dialog = dialog_of(shell, qtbot)
    assert {(offer.accelerator, offer.accelerators) for offer in dialog.picker.table.rows.shown_rows()} == {("A100", 8)}
    dialog.next.click()
    assert dialog.name.text() == "~/8-a100"
    assert dialog.form.instance.text == "A100:8"


def test_that_a_saved_cluster_is_reviewed_before_it_is_launched_and_its_comments_stay(
    shell: Shell, sky: StandInSkyPilot, qtbot: QtBot
) -> None:
    path = write(shell.desk.home, "train", "# ours", "instance_type: A100:8  # big", "runs_kept: 7")
    qtbot.waitUntil(lambda: "~/train" in shell.desk.store.clusters, timeout=LONG)
    launch_cluster(shell.desk, shell, "~/train")
    dialog = dialog_of(shell, qtbot)
    qtbot.waitUntil(lambda: "$32.77" in words(dialog), timeout=LONG)
    assert "first AWS us-east-1, then 1 other place" in words(dialog)
    assert dialog.form.autostop.value() == (60, False)
    dialog.form.autostop.after.choose("30")
    sky.gates["provisioning"] = asyncio.Event()
    dialog.launch.click()
    qtbot.waitUntil(lambda: bool(sky.asked("launch")), timeout=LONG)
    text = path.read_text()
    assert "# ours" in text
    assert "# big" in text
    assert "runs_kept: 7" in text
    assert saved(shell, "train").autostop_mins == 30


def test_that_a_cluster_is_edited_in_the_form(shell: Shell, sky: StandInSkyPilot, qtbot: QtBot) -> None:
    path = write(shell.desk.home, "train", "instance_type: A100:8", "labels: {team: vision}", "disk_size: 500")
    qtbot.waitUntil(lambda: "~/train" in shell.desk.store.clusters, timeout=LONG)
    edit_cluster(shell.desk, shell, "~/train")
    dialog = dialog_of(shell, qtbot)
    assert dialog.form.labels.isVisible(), "what is set is in sight"
    assert dialog.form.labels.text == "team=vision"
    retype(dialog.form.disk.line, "200")
    path.write_text(path.read_text() + "# theirs\n")
    dialog.save.click()
    qtbot.waitUntil(lambda: "was changed on disk" in words(dialog), timeout=LONG)
    assert "# theirs" in path.read_text()
    assert "500" in path.read_text()


@pytest.mark.parametrize(
    ("instance", "cloud", "region", "types"),
    [
        ("CPU:2+", "", "", ["m6i.large", "m6i.2xlarge"]),
        ("CPU:8", "aws", "", ["m6i.2xlarge"]),
        ("A100:8", "", "us-west-2", ["p4d.24xlarge"]),
        ("m6i.large", "cheapest", "", ["m6i.large"]),
        ("L4", "", "", ["g6.xlarge"]),
        ("A100:3", "", "", []),
    ],
)
def test_offers_that_would_do_for_a_document(instance: str, cloud: str, region: str, types: list[str]) -> None:
    assert [offer.instance_type for offer in fitting(OFFERS, instance, cloud, region)] == types


def test_that_what_was_typed_is_not_given_up_without_a_question(
    dialog: CloudClusterDialog, qtbot: QtBot, tmp_path: Path
) -> None:
    dialog.next.click()
    retype(dialog.form.hosts.line, "3")
    dialog.reject()
    assert dialog.isVisible()
    qtbot.waitUntil(lambda: "Discard what you typed?" in words(dialog), timeout=LONG)
    dialog._dirty = False
