"""The window on a real SkyPilot and an EC2 whose instances are hosts: checked, launched elsewhere, stopped, ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desktop.cloud_parts import opened, press, state_word, words, write
from lab.clouds.aws import AwsLab
from lab.own_wheels import make_wheels
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from rhdesk.desktop.app import make_window, start
from rhdesk.desktop.cloud_acts import stop
from rhdesk.desktop.cluster_acts import bring_up, take_down
from rhdesk.desktop.dialogs.new_cloud_cluster import CloudClusterDialog
from rhdesk.desktop.shell import Shell
from rhdesk.desktop.skypilot_acts import check_clouds

pytestmark = [pytest.mark.clouds, pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1800)]

LONG = 600_000


@pytest.fixture
def shell(
    qtbot: QtBot,
    qapp: QApplication,
    aws: AwsLab,
    rh_home: Path,
    short_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Shell]:
    """The window of a user who has set up AWS, with ~/gpu, which nobody has launched yet."""
    aws.write_home(Path.home())
    for name, value in aws.variables.items():
        monkeypatch.setenv(name, value)
    aws.python(short_path / "skypilot" / "bin")
    monkeypatch.setenv("RH_SKYPILOT_ENVIRONMENT", str(short_path / "skypilot"))
    make_wheels(tmp_path)
    write(rh_home, "gpu", "instance_type: m6i.large", "provider: aws", "autostop_mins: 30", f"wheels: {tmp_path}")
    made = make_window(qapp, theme_name="dark")
    made.resize(1280, 800)
    made.show()
    qtbot.waitExposed(made)
    start(made, settings=False)
    yield made
    made._may_close = True
    made.close()
    made.desk.close()
    made.deleteLater()
    qtbot.waitUntil(lambda: not isValid(made))


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
    qtbot.waitUntil(lambda: "$0.10" in words(dialog), timeout=LONG)
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

    stop(desk, shell, "~/gpu")
    dialog_of_stop = opened(shell, "stop-cluster")
    assert dialog_of_stop is not None
    press(dialog_of_stop, "Stop")
    qtbot.waitUntil(lambda: state_word(shell, "~/gpu") == "Stopped", timeout=LONG)
    assert aws.instances("running") == []
    assert len(aws.instances("stopped")) == 1

    asked = take_down(desk, shell, "~/gpu")
    assert asked is not None
    press(asked, "Take down")
    qtbot.waitUntil(lambda: state_word(shell, "~/gpu") == "Down", timeout=LONG)
    assert aws.instances("running") == aws.instances("stopped") == []
