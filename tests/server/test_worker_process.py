"""A real worker process, spoken to in frames as the server does."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

import rhserver.worker
from rhserver.worker.rhworker import frames

MODULE = """
import asyncio, os, signal, subprocess, sys, threading, time

def add(a, b): return a + b

def speak():
    print("python out")
    print("python err", file=sys.stderr)
    subprocess.run(["sh", "-c", "echo child out; echo child err >&2"])
    os.write(1, b"descriptor\\n")
    print("without an end", end="")

def speak_c(text):
    import ctypes
    ctypes.CDLL(None).printf(text.encode())

def pairs(n):
    for i in range(n): yield i, {"loss": i / 2}

def full_disk():
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    return "x" * 1000

def main_thread(): return threading.current_thread() is threading.main_thread()

def two_arguments(code): raise Awkward(code, "detail")

class Awkward(Exception):
    def __init__(self, code, detail): super().__init__(f"{code}: {detail}")

def count(n):
    for i in range(n): yield i
    return "end"

async def wait(x):
    await asyncio.sleep(0.01)
    return x

def sleep(seconds):
    try:
        time.sleep(seconds)
    finally:
        print("cleaned up")

def stubborn():
    while True:
        try: time.sleep(60)
        except KeyboardInterrupt: pass

def leave(): sys.exit(3)

def fork():
    pid = os.fork()
    if pid == 0: time.sleep(30)
    return pid

def path_size(): return len(sys.path)

def records(n):
    for i in range(n): yield {"step": i, "loss": 1 / (i + 1)}

def big(n): return b"x" * n

def unpicklable(): return threading.Lock()

def typed(epochs: int, lr: float = 0.1): return {"epochs": epochs, "lr": lr}
"""


class WorkerProcess:
    """Starts a worker and speaks frames with it, one at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("code", "runs", "spill"):
            (folder / name).mkdir()
        (folder / "code" / "worker_subject.py").write_text(MODULE)
        settings = {
            "socket": str(folder / "w.s"), "scratch": str(folder / "scratch"), "runs": str(folder / "runs"),
            "spill": str(folder / "spill"), "path": [str(folder / "code")],
            "fallback_path": [path for path in sys.path if path.endswith("site-packages")],
        }  # fmt: skip
        (folder / "settings").write_text(json.dumps(settings))
        program = str(Path(rhserver.worker.__file__).parent)
        self.process = subprocess.Popen([sys.executable, program, str(folder / "settings")], cwd=folder / "code")
        self._numbers: dict[str, int] = {}
        self.connect()

    def connect(self) -> tuple[bytes, int, bytes, bytes]:
        self.socket = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + 20
        while True:
            try:
                self.socket.connect(str(self.folder / "w.s"))
                break
            except OSError:
                assert time.monotonic() < deadline
                assert self.process.poll() is None
                time.sleep(0.01)
        self._read = self.socket.makefile("rb").read
        self._numbers.clear()
        return self.receive()

    def receive(self) -> tuple[bytes, int, bytes, bytes]:
        kind, number, meta, size = frames.HEADER.unpack(self._read(frames.HEADER.size))
        return kind, number, self._read(meta), self._read(size)

    def tell(self, name: str) -> int:
        if name not in self._numbers:
            self._numbers[name] = len(self._numbers)
            entry = json.dumps({"module": "worker_subject", "name": name}).encode()
            self.socket.sendall(frames.pack(frames.FUNCTION, self._numbers[name], entry))
        return self._numbers[name]

    def send(self, name: str, *args: Any) -> None:
        number = self.tell(name)
        self.socket.sendall(frames.pack(frames.CALL, number, b"p" + b"0" * 26, cloudpickle.dumps((args, {}))))

    def call(self, name: str, *args: Any) -> tuple[bytes, int, bytes, bytes]:
        self.send(name, *args)
        return self.receive()

    def value(self, name: str, *args: Any) -> Any:
        kind, _, meta, payload = self.call(name, *args)
        assert kind == frames.DONE, meta
        return pickle.loads(payload)

    def run(self, name: str, arguments: bytes, **task: Any) -> None:
        settings = {"run": "R" * 26, "format": "pickle", "preview": True, "folder": None, "log": None, **task}
        self.socket.sendall(frames.pack(frames.RUN, self.tell(name), json.dumps(settings).encode(), arguments))


@pytest.fixture
def worker(short_path: Path) -> Iterator[WorkerProcess]:
    subject = WorkerProcess(short_path)
    yield subject
    subject.socket.close()
    subject.process.kill()
    subject.process.wait()


def test_values_come_back_and_functions_run_on_the_main_thread(worker: WorkerProcess) -> None:
    assert worker.value("add", 1, 2) == 3
    assert worker.value("main_thread") is True
    assert worker.value("wait", "x") == "x"


def test_output_of_python_children_and_descriptors_keeps_its_order(worker: WorkerProcess) -> None:
    kind, printed, _, _ = worker.call("speak")
    text = (worker.folder / "scratch").read_text()
    assert kind == frames.DONE
    assert text.splitlines() == [
        "python out", "python err", "child out", "child err", "descriptor", "without an end",
    ]  # fmt: skip
    assert printed == len(text)


def test_output_of_c_belongs_to_the_call_that_made_it(worker: WorkerProcess) -> None:
    for text in ("never flushed", "nor this"):
        worker.call("speak_c", text)
        assert (worker.folder / "scratch").read_text() == text


def test_a_result_that_the_disk_has_no_room_for_is_an_error_and_leaves_nothing(worker: WorkerProcess) -> None:
    folder = worker.folder / "runs" / "R"
    worker.run("full_disk", cloudpickle.dumps(((), {})), folder=str(folder))
    while (received := worker.receive())[0] == frames.STARTED:
        pass
    assert received[0] == frames.ERROR
    assert json.loads(received[2])["type"] == "OSError"
    assert list(folder.iterdir()) == []
    assert worker.value("add", 1, 2) == 3


def test_items_that_are_no_json_leave_how_they_read(worker: WorkerProcess) -> None:
    folder = worker.folder / "runs" / "R"
    arguments = json.dumps({"args": [2], "kwargs": {}}).encode()
    worker.run("pairs", arguments, format="json", folder=str(folder))
    while worker.receive()[0] != frames.DONE:
        pass
    assert (folder / "items" / "1.txt").read_text() == "(1, {'loss': 0.5})"
    assert pickle.loads((folder / "items" / "1").read_bytes()) == (1, {"loss": 0.5})


def test_what_one_call_printed_is_not_in_the_output_of_the_next(worker: WorkerProcess) -> None:
    worker.call("speak")
    kept = worker.folder / "kept"
    os.link(worker.folder / "scratch", kept)
    before = kept.read_bytes()
    assert worker.call("add", 1, 1)[1] == 0
    assert kept.read_bytes() == before
    assert (worker.folder / "scratch").read_bytes() == b""


def test_an_exception_with_another_constructor_keeps_type_message_and_traceback(worker: WorkerProcess) -> None:
    kind, _, meta, pickled = worker.call("two_arguments", 7)
    error = json.loads(meta)
    assert kind == frames.ERROR
    assert (error["type"], error["message"]) == ("worker_subject.Awkward", "7: detail")
    assert "raise Awkward" in error["traceback"]
    assert "execute.py" not in error["traceback"]
    assert pickled == b""


def test_items_of_a_generator_stream_before_its_end(worker: WorkerProcess) -> None:
    worker.send("count", 3)
    items = [worker.receive() for _ in range(3)]
    assert [(kind, index, pickle.loads(data)) for kind, index, _, data in items] == [
        (frames.ITEM, 0, 0), (frames.ITEM, 1, 1), (frames.ITEM, 2, 2),
    ]  # fmt: skip
    assert pickle.loads(worker.receive()[3]) == "end"


def test_an_interrupt_ends_what_runs_and_lets_it_clean_up(worker: WorkerProcess) -> None:
    worker.send("sleep", 60)
    time.sleep(0.3)
    worker.process.send_signal(signal.SIGINT)
    kind, _, meta, _ = worker.receive()
    assert kind == frames.ERROR
    assert json.loads(meta)["cancelled"] is True
    assert (worker.folder / "scratch").read_text() == "cleaned up\n"
    assert worker.value("add", 1, 2) == 3


def test_an_interrupt_between_calls_does_nothing(worker: WorkerProcess) -> None:
    assert worker.value("add", 1, 2) == 3
    worker.process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    assert worker.value("add", 1, 2) == 3


def test_sys_exit_is_an_error_of_the_run_and_not_the_end_of_the_worker(worker: WorkerProcess) -> None:
    kind, _, meta, _ = worker.call("leave")
    assert (kind, json.loads(meta)["type"]) == (frames.ERROR, "SystemExit")
    assert worker.value("add", 1, 2) == 3


def test_a_forked_child_does_not_hold_the_socket_of_the_worker(worker: WorkerProcess) -> None:
    child = worker.value("fork")
    worker.process.kill()
    worker.process.wait()
    worker.socket.settimeout(5)
    try:
        assert worker.socket.recv(1) == b""
    finally:
        os.kill(child, signal.SIGKILL)


def test_sys_path_does_not_grow_with_calls(worker: WorkerProcess) -> None:
    before = worker.value("path_size")
    for _ in range(200):
        worker.value("add", 1, 2)
    assert worker.value("path_size") == before


@pytest.mark.parametrize("name", ["frames", "output", "execute", "arguments", "preview"])
def test_modules_of_the_user_may_have_the_names_of_ours(worker: WorkerProcess, name: str) -> None:
    (worker.folder / "code" / f"{name}.py").write_text("def mine(): return __name__\n")
    entry = json.dumps({"module": name, "name": "mine"}).encode()
    worker.socket.sendall(frames.pack(frames.FUNCTION, 99, entry))
    worker.socket.sendall(frames.pack(frames.CALL, 99, b"p" + b"0" * 26, cloudpickle.dumps(((), {}))))
    assert pickle.loads(worker.receive()[3]) == name


def test_a_large_result_goes_to_a_file(worker: WorkerProcess) -> None:
    kind, _, meta, payload = worker.call("big", 1_000_000)
    described = json.loads(meta)
    assert (kind, payload) == (frames.DONE, b"")
    assert len(pickle.loads(Path(described["path"]).read_bytes())) == 1_000_000


def test_a_result_that_cannot_be_pickled_says_which_type(worker: WorkerProcess) -> None:
    kind, _, meta, _ = worker.call("unpicklable")
    assert kind == frames.ERROR
    assert "_thread.lock" in json.loads(meta)["message"]


def test_a_recorded_run_leaves_result_preview_and_outcome_on_disk(worker: WorkerProcess) -> None:
    folder = worker.folder / "runs" / ("R" * 26)
    folder.mkdir()
    given = json.dumps({"args": [], "kwargs": {"epochs": 3, "lr": 2e-5}}).encode()
    worker.run("typed", given, format="json", folder=str(folder), log=str(folder / "log"))
    assert worker.receive()[0] == frames.STARTED
    assert worker.receive()[0] == frames.DONE
    assert json.loads((folder / "result").read_text()) == {"epochs": 3, "lr": 2e-05}
    assert json.loads((folder / "outcome.json").read_text())["state"] == "succeeded"
    assert json.loads((folder / "preview.json").read_text())["kind"] == "tree"


def test_the_preview_of_a_generator_shows_what_it_yielded(worker: WorkerProcess) -> None:
    folder = worker.folder / "runs" / ("R" * 26)
    folder.mkdir()
    given = json.dumps({"args": [], "kwargs": {"n": 3}}).encode()
    worker.run("records", given, format="json", folder=str(folder), log=str(folder / "log"))
    while worker.receive()[0] != frames.DONE:
        pass
    preview = json.loads((folder / "preview.json").read_text())
    assert preview["kind"] == "table"
    assert json.loads(preview["json"])["columns"] == ["step", "loss"]


def test_json_arguments_of_the_wrong_type_are_named(worker: WorkerProcess) -> None:
    given = json.dumps({"args": [], "kwargs": {"epochs": "many", "rate": 1}}).encode()
    worker.run("typed", given, format="json")
    message = json.loads(worker.receive()[2])["message"]
    assert "rate: there is no such parameter" in message


def test_a_server_that_went_away_finds_the_outcome_when_it_comes_back(worker: WorkerProcess) -> None:
    folder = worker.folder / "runs" / ("R" * 26)
    folder.mkdir()
    worker.run("sleep", cloudpickle.dumps(((0.5,), {})), folder=str(folder), log=str(folder / "log"))
    time.sleep(0.2)
    worker.socket.close()
    hello = worker.connect()  # greets when the run has ended
    assert (hello[0], json.loads(hello[2])["run"]) == (frames.HELLO, "R" * 26)
    assert json.loads((folder / "outcome.json").read_text())["state"] == "succeeded"
    assert (folder / "log").read_text() == "cleaned up\n"
    assert worker.value("add", 1, 2) == 3


def test_the_outcome_of_a_plain_call_is_kept_when_nobody_can_take_it(worker: WorkerProcess) -> None:
    worker.send("sleep", 0.4)
    time.sleep(0.1)
    worker.socket.close()
    worker.connect()
    folder = worker.folder / "runs" / ("0" * 26)
    assert json.loads((folder / "outcome.json").read_text())["state"] == "succeeded"


def test_a_worker_ends_with_its_parent(short_path: Path) -> None:
    script = (
        "import subprocess, sys, time\n"
        "p = subprocess.Popen([sys.executable, *sys.argv[1:]])\n"
        "print(p.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    for name in ("code", "runs", "spill"):
        (short_path / name).mkdir()
    settings = {"socket": str(short_path / "w.s"), "scratch": str(short_path / "o"), "runs": "", "spill": "",
                "path": [], "fallback_path": []}  # fmt: skip
    (short_path / "settings").write_text(json.dumps(settings))
    program = str(Path(rhserver.worker.__file__).parent)
    parent = subprocess.Popen(
        [sys.executable, "-c", script, program, str(short_path / "settings")], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    while not (short_path / "w.s").exists():
        time.sleep(0.01)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while _alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
