"""Clusters over SSH in the window: followed, lost, found again, and what only a person can answer.

The host is this computer behind a real SSH server, with the cluster server of the other tests.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from lab.ssh_fixtures import SshHome, SshKeys
from lab.sshd import Sshd
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from rhdesk.core.rows import ClusterRow, State
from rhdesk.core.store import Phase
from rhdesk.core.tasks import Progress
from rhdesk.desktop.access_acts import connect_to
from rhdesk.desktop.app import make_window, start
from rhdesk.desktop.dialogs.secret import SecretDialog
from rhdesk.desktop.dialogs.transfer import FetchFiles, SendFiles
from rhdesk.desktop.pages.clusters import ClustersPage
from rhdesk.desktop.pages.runs import RunsPage
from rhdesk.desktop.shell import Shell
from rhdesk.desktop.widgets.base import Button

pytestmark = [pytest.mark.ray, pytest.mark.slow]

CODE = {
    "work.py": '''
import time

def slow(steps: int = 20) -> str:
    """Print a line every fifth of a second."""
    for step in range(steps):
        print(f"step {step}", flush=True)
        time.sleep(0.2)
    return "done"
'''
}
LAB = "~/lab"


class Person:
    """Says yes to every host key, and counts."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    async def confirm_host_key(self, question: Any) -> bool:
        self.keys.append(question.fingerprint)
        return True

    async def ask_secret(self, question: Any) -> None:
        return None


@pytest.fixture
def host(server: Any, make_sshd: Callable[..., Sshd]) -> Sshd:
    """A host on which a cluster server runs."""
    return make_sshd(set_env={"RH_HOME": str(server.home)})


@pytest.fixture
def lab(host: Sshd, ssh_home: SshHome, ssh_keys: SshKeys, rh_home: Path) -> Path:
    """The document of ~/lab."""
    file = rh_home / "resources" / "lab.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(
        textwrap.dedent(
            f"""
            kind: cluster
            type: ssh
            ips: [127.0.0.1]
            price_per_hour: 1.5
            ssh_creds:
              ssh_port: {host.port}
              ssh_private_key: {ssh_keys.plain}
              log_in: key
            """
        )
    )
    return file


@pytest.fixture
def shell(qtbot: QtBot, qapp: QApplication, lab: Path) -> Iterator[Shell]:
    made = make_window(qapp, theme_name="dark")
    made.resize(1280, 800)
    made.show()
    start(made, settings=False)
    yield made
    made.close()
    made.desk.close()


def row_of(shell: Shell) -> ClusterRow:
    row = shell.desk.store.clusters.get(LAB)
    assert row is not None
    return row


def wait_for(qtbot: QtBot, shell: Shell, state: State, timeout: int = 40_000) -> None:
    qtbot.waitUntil(lambda: LAB in shell.desk.store.clusters and row_of(shell).state is state, timeout=timeout)


def words(widget: QWidget) -> str:
    QApplication.processEvents()
    return " | ".join(label.text() for label in widget.findChildren(QLabel) if label.isVisibleTo(widget))


def press(widget: QWidget, text: str) -> None:
    [button] = [one for one in widget.findChildren(Button) if one.text().strip() == text and one.isVisibleTo(widget)]
    button.click()


def submit(shell: Shell, qtbot: QtBot, project: Path, **arguments: object) -> str:
    got: list[str] = []

    async def make(workspace: Any, progress: Progress) -> str:
        return str((await workspace.submit(f"{project / 'work.py'}:slow", [], arguments, on=LAB)).id)

    shell.desk.act("submit", make, on_done=got.append)
    qtbot.waitUntil(lambda: bool(got), timeout=120_000)
    qtbot.waitUntil(lambda: got[0] in shell.desk.store.runs, timeout=10_000)
    return got[0]


def test_an_unknown_host_is_not_asked_again_until_the_person_connects(
    shell: Shell, host: Sshd, qtbot: QtBot, qapp: QApplication
) -> None:
    wait_for(qtbot, shell, State.NEEDS_YOU)
    tried = host.log.count("Connection from")
    qtbot.wait(3000)
    assert host.log.count("Connection from") == tried, "a host that nobody vouched for is left alone"
    assert row_of(shell).retry_at == 0.0
    person = Person()

    async def arrive(workspace: Any, progress: Progress) -> None:
        workspace.asker = person

    shell.desk.act("arrive", arrive)
    shell.navigate("clusters", LAB)
    page = shell.page
    assert isinstance(page, ClustersPage)
    assert row_of(shell).sentence in words(page.panel)
    press(page.panel, "Connect")
    wait_for(qtbot, shell, State.UP)
    assert len(person.keys) == 1
    qtbot.waitUntil(lambda: shell.desk.store.status.get(LAB) is not None, timeout=10_000)
    assert row_of(shell).price_per_hour == 1.5
    assert row_of(shell).reach == f"127.0.0.1:{host.port}"


def test_a_document_with_the_key_of_somebody_else_asks_for_ones_own(
    qtbot: QtBot, qapp: QApplication, lab: Path, host: Sshd, ssh_home: SshHome, ssh_keys: SshKeys
) -> None:
    ssh_home.knows(host)
    theirs = lab.read_text().replace(str(ssh_keys.plain), "/home/alice/.ssh/id_ed25519")
    lab.write_text(theirs)
    shell = make_window(qapp, theme_name="dark")
    shell.show()
    start(shell, settings=False)
    try:
        wait_for(qtbot, shell, State.NEEDS_YOU)
        assert "names the key /home/alice/.ssh/id_ed25519" in row_of(shell).sentence
        connect_to(shell.desk, LAB)
        qtbot.waitUntil(lambda: isinstance(shell.asking.dialog, SecretDialog), timeout=20_000)
        dialog = shell.asking.dialog
        assert isinstance(dialog, SecretDialog)
        assert f"Your private key for {LAB}" in words(dialog)
        dialog.field.line.setText(str(ssh_keys.ecdsa))
        dialog.accept_button.click()
        wait_for(qtbot, shell, State.UP)
        assert lab.read_text() == theirs
        assert str(ssh_keys.ecdsa) in (shell.desk.home / "reach.yaml").read_text()
    finally:
        shell.close()
        shell.desk.close()


def test_a_lost_cluster_is_shown_with_its_reason_and_everything_goes_on_when_it_is_back(
    shell: Shell, host: Sshd, ssh_home: SshHome, qtbot: QtBot, make_project: Callable[[Mapping[str, str]], Path]
) -> None:
    ssh_home.knows(host)
    shell.desk.retry_now()
    wait_for(qtbot, shell, State.UP)
    run = submit(shell, qtbot, make_project(CODE), steps=60)
    shell.navigate("runs", run)
    page = shell.page
    assert isinstance(page, RunsPage)
    log = page.panel.log.panel
    qtbot.waitUntil(lambda: log.buffer.lines >= 3, timeout=120_000)

    host.stop()
    wait_for(qtbot, shell, State.UNREACHABLE)
    row = row_of(shell)
    assert "127.0.0.1" in row.sentence
    qtbot.waitUntil(lambda: row_of(shell).retry_at > 0, timeout=10_000)
    store = shell.desk.store
    assert store.runs.condition.phase is Phase.STALE
    assert store.runs.condition.of == (LAB,)
    known = store.runs.get(run)
    assert known is not None
    assert store.runs.is_old(known)
    assert store.runs.condition_of("^local").phase is not Phase.STALE
    qtbot.waitUntil(lambda: "The log goes on by itself" in words(page.panel.log), timeout=5_000)

    host.start()
    press(page.panel.log, "Retry now")
    wait_for(qtbot, shell, State.UP)
    qtbot.waitUntil(lambda: store.runs.get(run).state is State.SUCCEEDED, timeout=60_000)  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: log.buffer.lines == 60, timeout=10_000)
    assert [log.view.text_of(n) for n in range(60)] == [f"step {n}" for n in range(60)], "no line lost or doubled"
    assert store.runs.condition.phase is Phase.READY
    assert "The log goes on by itself" not in words(page.panel.log)
    page.panel.tabs.choose("result")
    qtbot.waitUntil(lambda: page.panel.preview is not None, timeout=10_000)


def test_a_dropped_connection_comes_back_by_itself(shell: Shell, host: Sshd, ssh_home: SshHome, qtbot: QtBot) -> None:
    opened = time.time()
    ssh_home.knows(host)
    shell.desk.retry_now()
    wait_for(qtbot, shell, State.UP)
    qtbot.waitUntil(lambda: row_of(shell).cpu is not None, timeout=30_000)
    started = row_of(shell).since
    assert started < opened, "it is up since its server was started, and not since this window knows of it"
    seen: list[State] = []
    shell.desk.store.clusters.subscribe(lambda change: seen.append(row_of(shell).state))
    host.drop()
    qtbot.waitUntil(lambda: State.UNREACHABLE in seen or host.log.count("Accepted publickey") > 1, timeout=30_000)
    qtbot.waitUntil(lambda: host.log.count("Accepted publickey") > 1, timeout=30_000)
    wait_for(qtbot, shell, State.UP)
    assert State.NEEDS_YOU not in seen
    qtbot.waitUntil(lambda: row_of(shell).since == started, timeout=10_000)


def test_a_forwarded_port_is_restored_after_a_restart_of_the_host(
    shell: Shell, host: Sshd, ssh_home: SshHome, qtbot: QtBot
) -> None:
    ssh_home.knows(host)
    shell.desk.retry_now()
    wait_for(qtbot, shell, State.UP)
    shell.navigate("ports", "new:" + LAB)
    dialog = shell.page.window().findChild(QWidget, "forward-port")
    assert dialog is not None
    dialog.remote.setText(str(host.port))  # something that certainly listens there
    dialog.forward()
    forwards = shell.desk.store.forwards
    qtbot.waitUntil(lambda: len(forwards) == 1, timeout=10_000)
    [forward] = forwards.rows()
    assert forward.state is State.OPEN
    assert forward.local_port != host.port, "that one is taken here, so the next was used"
    assert banner(forward.local_port).startswith(b"SSH-2.0")
    host.stop()
    qtbot.waitUntil(lambda: forwards.rows()[0].state is State.CONNECTING, timeout=20_000)
    host.start()
    qtbot.waitUntil(lambda: forwards.rows()[0].state is State.OPEN, timeout=30_000)
    assert forwards.rows()[0].local_port == forward.local_port
    assert banner(forward.local_port).startswith(b"SSH-2.0")
    shell.page.list.select(forward.id)  # type: ignore[attr-defined]
    press(shell, "Stop")
    qtbot.waitUntil(lambda: len(forwards) == 0, timeout=10_000)


def test_files_go_there_and_come_back(
    shell: Shell, host: Sshd, ssh_home: SshHome, qtbot: QtBot, short_path: Path
) -> None:
    ssh_home.knows(host)
    shell.desk.retry_now()
    wait_for(qtbot, shell, State.UP)
    project, there, back = short_path / "data", short_path / "there", short_path / "back"
    (project / "inner").mkdir(parents=True)
    (project / "inner" / "numbers.bin").write_bytes(bytes(range(256)) * 4000)
    back.mkdir()
    tasks = shell.desk.store.tasks

    def ended() -> bool:
        return bool(tasks.rows()) and all(task.state != "running" for task in tasks.rows())

    sending = SendFiles(shell.desk, shell, LAB)
    sending.add([project])
    sending.remote.setText(str(there))
    sending.send()
    qtbot.waitUntil(ended, timeout=30_000)
    assert (there / "data" / "inner" / "numbers.bin").read_bytes() == bytes(range(256)) * 4000
    fetching = FetchFiles(shell.desk, shell, LAB)
    fetching.local.setText(str(back / "nowhere"))
    fetching.remote.setText(f"{there}/data/inner/numbers.bin")
    fetching.fetch()
    assert "There is no folder" in words(fetching)
    fetching.local.setText(str(back))
    fetching.fetch()
    qtbot.waitUntil(lambda: (back / "numbers.bin").exists() and ended(), timeout=30_000)
    assert (back / "numbers.bin").stat().st_size == 1_024_000
    said = [notice.sentence for notice in shell.desk.notifier.notices()]
    assert any("numbers.bin of ~/lab is in" in sentence and "1 file" in sentence for sentence in said)


def banner(port: int) -> bytes:
    import socket

    with socket.create_connection(("127.0.0.1", port), timeout=5) as stream:
        return stream.recv(64)
