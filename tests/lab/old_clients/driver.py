"""Runs lines of Python in a process that has imported `runhouse` as `rh`, and can reach nothing but the registry.

`driver.py PORT`, in the Python of an old client: each line of standard input is JSON text of a program; each line of
standard output is JSON of what it left in `out`, or of its error. Where the system lets it, the process has a network
of its own with nothing in it but that port of the loopback; in any case Python connects to nothing else.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import traceback

_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_LOOPBACK = "127.0.0.1"


def _pump(one, other):
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)


def _relay(listener, port):
    """Hand on what comes to a socket of the other network."""
    while True:
        here, _ = listener.accept()
        there = socket.create_connection((_LOOPBACK, port))
        for pair in ((here, there), (there, here)):
            threading.Thread(target=_pump, args=pair, daemon=True).start()


def _leave_network(port):
    """Go into a network of its own, whose `port` leads to the one here; whether the system let us."""
    libc = ctypes.CDLL(None, use_errno=True)
    mine, relays = socket.socketpair()
    child = os.fork()
    if child == 0:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        mine.close()
        _, descriptors, _, _ = socket.recv_fds(relays, 1, 1)
        if descriptors:
            _relay(socket.socket(fileno=descriptors[0]), port)
        os._exit(0)
    relays.close()
    if libc.unshare(_CLONE_NEWNET):
        mine.close()
        return False
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with socket.create_server((_LOOPBACK, port)) as listener:
        socket.send_fds(mine, [b"x"], [listener.fileno()])
    return True


def _stay_here(event, arguments):
    if (
        event == "socket.connect"
        and isinstance(arguments[1], tuple)
        and arguments[1][0] not in (_LOOPBACK, "localhost")
    ):
        raise PermissionError(f"old clients reach the registry only, not {arguments[1]}")


def main():
    is_apart = _leave_network(int(sys.argv[1]))
    sys.addaudithook(_stay_here)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a program prints goes to the log
    import runhouse

    names = {"rh": runhouse}
    print(json.dumps({"out": {"version": runhouse.__version__, "apart": is_apart}}), file=answers, flush=True)
    for line in sys.stdin:
        names.pop("out", None)
        try:
            exec(compile(json.loads(line), "<test>", "exec"), names)
            said = {"out": names.get("out")}
        except Exception as error:
            traceback.print_exc()
            said = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(said, default=str), file=answers, flush=True)


main()
