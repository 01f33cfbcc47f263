"""Runs on the cluster, in an interpreter that has JupyterLab: starts it, says where it listens, ends with it.

The token comes in JUPYTER_TOKEN. This process stays the parent, and the kernel ends the server with it.
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time


def private_directory() -> str:
    """A directory for the socket that nobody else may enter, with a short path; empty: there is none."""
    if not hasattr(os, "getuid"):
        return ""
    for parent in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"):
        if not os.path.isabs(parent):
            continue
        folder = os.path.join(parent, f"rhdesk-notebook-{os.getuid()}")
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            pass
        except OSError:
            continue
        found = os.lstat(folder)
        if found.st_uid == os.getuid() and found.st_mode & 0o170077 == 0o040000 and len(folder) < 80:
            return folder
    return ""


def end_with_parent() -> None:
    """The server gets SIGTERM when this process is killed, and takes its kernels along."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def free_port() -> int:
    """A loopback port that nobody has now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def listens(path: str, port: int) -> bool:
    """Whether somebody listens at the socket, or without one at the port."""
    with socket.socket(socket.AF_UNIX if path else socket.AF_INET) as sock:
        return sock.connect_ex(path or ("127.0.0.1", port)) == 0


def say_when_it_listens(server: "subprocess.Popen[bytes]", path: str, port: int) -> None:
    """The line that whoever started the notebook waits for."""
    while server.poll() is None:
        if listens(path, port):
            print("rhdesk notebook: " + json.dumps({"socket": path, "port": port}), flush=True)
            return
        time.sleep(0.1)


def main() -> int:
    """The exit code of the server."""
    folder, port = private_directory(), 0
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.root_dir=" + os.path.expanduser("~")]
    path = os.path.join(folder, f"{os.getpid()}.sock") if folder else ""
    if path:
        for left in os.listdir(folder):  # by servers that were killed
            if not listens(os.path.join(folder, left), 0):
                os.unlink(os.path.join(folder, left))
        command += ["--ServerApp.sock=" + path, "--ServerApp.sock_mode=0600"]
    else:
        port = free_port()
        command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command += ["--allow-root"]
    server = subprocess.Popen(command, preexec_fn=end_with_parent)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    threading.Thread(target=say_when_it_listens, args=(server, path, port), daemon=True).start()
    code = server.wait()
    if path and os.path.exists(path):
        os.unlink(path)
    return code


if __name__ == "__main__":
    sys.exit(main())
