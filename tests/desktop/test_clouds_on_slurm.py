"""The window on a real SkyPilot and a real Slurm: the whole life of a cluster of two hosts, which cannot be stopped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desktop.cloud_parts import opened, press, real_window, run_doze, state_word, words, write, write_doze
from lab.clouds.slurm import SlurmLab
from lab.own_wheels import make_wheels
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from rhdesk.desktop.cloud_acts import why_not_stop
from rhdesk.desktop.cluster_acts import bring_up, take_down
from rhdesk.desktop.dialogs.new_cloud_cluster import CloudClusterDialog
from rhdesk.desktop.shell import Shell

pytestmark = [pytest.mark.clouds, pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1800)]

LONG = 600_000


@pytest.fixture
def shell(qtbot: QtBot, qapp: QApplication, at_slurm: SlurmLab, rh_home: Path, tmp_path: Path) -> Iterator[Shell]:
    """The window of a user who has an account at that Slurm, with ~/hpc and a function for it."""
    make_wheels(tmp_path / "wheels")
    write(
        rh_home,
        "hpc",
        "instance_type: CPU:2",
        "num_instances: 2",
        "provider: slurm",
        f"wheels: {tmp_path / 'wheels'}",
    )
    write_doze(rh_home, tmp_path, "~/hpc")
    with real_window(qtbot, qapp) as shell:
        yield shell
    at_slurm.end_all()


def test_the_life_of_a_cluster_on_slurm_from_the_window(shell: Shell, slurm: SlurmLab, qtbot: QtBot) -> None:
    desk = shell.desk
    qtbot.waitUntil(lambda: desk.store.clusters.get("~/hpc") is not None, timeout=LONG)
    bring_up(desk, "~/hpc")
    qtbot.waitUntil(lambda: opened(shell, "cloud-cluster-dialog") is not None, timeout=LONG)
    dialog = opened(shell, "cloud-cluster-dialog")
    assert isinstance(dialog, CloudClusterDialog)
    qtbot.waitUntil(dialog.launch.isEnabled, timeout=LONG)
    assert slurm.jobs() == []
    dialog.launch.click()
    shell.navigate("clusters", "~/hpc")
    qtbot.waitUntil(lambda: state_word(shell, "~/hpc") == "Running", timeout=LONG)
    assert len(slurm.jobs()) == 1

    run_doze(shell, 2, qtbot, LONG)
    shell.navigate("clusters", "~/hpc")
    assert "Slurm cannot stop hosts" in why_not_stop(desk.store.clusters.get("~/hpc"))

    asked = take_down(desk, shell, "~/hpc")
    assert asked is not None
    assert "$" in words(asked), "what it cost so far"
    press(asked, "Take down")
    qtbot.waitUntil(lambda: state_word(shell, "~/hpc") == "Down", timeout=LONG)
    assert slurm.jobs() == []
