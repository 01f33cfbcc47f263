"""The window on a real SkyPilot and an EC2 whose instances are hosts: the whole life of a cluster of two."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desktop.cloud_parts import opened, press, real_window, run_doze, state_word, words, write, write_doze
from lab.clouds.aws import AwsLab
from lab.own_wheels import make_wheels
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from rhdesk.desktop.cluster_acts import bring_up, take_down
from rhdesk.desktop.dialogs.new_cloud_cluster import CloudClusterDialog
from rhdesk.desktop.shell import Shell
from rhdesk.desktop.skypilot_acts import check_clouds

pytestmark = [pytest.mark.clouds, pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1800)]

LONG = 600_000


@pytest.fixture
def shell(qtbot: QtBot, qapp: QApplication, at_aws: AwsLab, rh_home: Path, tmp_path: Path) -> Iterator[Shell]:
    """The window of a user who has set up AWS, with ~/gpu, which nobody has launched yet, and a function for it."""
    make_wheels(tmp_path / "wheels")
    write(
        rh_home,
        "gpu",
        "instance_type: m6i.large",
        "num_instances: 2",
        "provider: aws",
        "autostop_mins: 1",
        f"wheels: {tmp_path / 'wheels'}",
    )
    write_doze(rh_home, tmp_path, "~/gpu")
    with real_window(qtbot, qapp) as shell:
        yield shell


def test_the_life_of_a_cluster_on_ec2_from_the_window(shell: Shell, aws: AwsLab, qtbot: QtBot) -> None:
    desk = shell.desk
    shell.navigate("clouds")
    check_clouds(desk)
    qtbot.waitUntil(lambda: len(desk.store.clouds) > 5, timeout=LONG)
    amazon = desk.store.clouds.get("aws")
    assert amazon is not None
    assert amazon.enabled, amazon

    bring_up(desk, "~/gpu")
    qtbot.waitUntil(lambda: opened(shell, "cloud-cluster-dialog") is not None, timeout=LONG)
    dialog = opened(shell, "cloud-cluster-dialog")
    assert isinstance(dialog, CloudClusterDialog)
    qtbot.waitUntil(lambda: bool(dialog.loading.offers), timeout=LONG)
    qtbot.waitUntil(lambda: "$0.19" in words(dialog), timeout=LONG)
    assert aws.instances("running") == []
    aws.refuse(code="InsufficientInstanceCapacity", region="us-east-1")
    dialog.launch.click()
    shell.navigate("clusters", "~/gpu")
    qtbot.waitUntil(lambda: state_word(shell, "~/gpu") == "Launching", timeout=LONG)
    qtbot.waitUntil(lambda: bool(aws.instances("running")), timeout=LONG)
    assert {instance.region for instance in aws.instances("running")} == {"us-west-2"}
    assert "us-east-1" in words(shell.page), "where it was refused is told while it goes on elsewhere"
    qtbot.waitUntil(lambda: state_word(shell, "~/gpu") == "Running", timeout=LONG)
    row = desk.store.clusters.get("~/gpu")
    assert row is not None
    assert "us-west-2" in row.location
    aws.accept()
    assert len(aws.instances("running")) == 2

    run_doze(shell, 2, qtbot, LONG)

    # the window stays open, and connected: that alone keeps nothing awake
    qtbot.waitUntil(lambda: state_word(shell, "~/gpu") == "Stopped", timeout=LONG)
    assert aws.instances("running") == []
    assert len(aws.instances("stopped")) == 2

    bring_up(desk, "~/gpu")
    qtbot.waitUntil(lambda: state_word(shell, "~/gpu") == "Running", timeout=LONG)
    run_doze(shell, 1, qtbot, LONG)
    asked = take_down(desk, shell, "~/gpu")
    assert asked is not None
    assert "$" in words(asked), "what it cost so far"
    press(asked, "Take down")
    qtbot.waitUntil(lambda: state_word(shell, "~/gpu") == "Down", timeout=LONG)
    assert aws.instances("running") == aws.instances("stopped") == []
