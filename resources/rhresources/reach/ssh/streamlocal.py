"""Channels to sockets of the host: forwarded by its SSH server, or carried by a small program there where that forbids
forwarding.

OpenSSH's direct-streamlocal (its PROTOCOL, section 2.4) leads to a unix socket with the rights of the user who is
logged in. The program runs as the same user and opens no port either; it costs its start for every connection.
"""

from __future__ import annotations

import os
import shlex

import paramiko

from rhresources.reach.ssh.transport import SshTransport

_CARRIER = """
import os, socket, sys, threading
if sys.argv[2] == "-":
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
else:
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 15); s.settimeout(None)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
def up():
    while True:
        d = os.read(0, 1 << 18)
        if not d: break
        s.sendall(d)
    s.shutdown(1)
threading.Thread(target=up, daemon=True).start()
d = memoryview(("\\n" + sys.argv[3] + "\\n").encode())
while d:
    while d: d = d[os.write(1, d):]
    d = memoryview(s.recv(1 << 18))
"""


def open_forwarded(
    transport: SshTransport, remote: str | tuple[str, int], channel: paramiko.Channel | None = None
) -> paramiko.Channel:
    """A channel to a unix socket (its path) or to a TCP port as the host reaches it. Blocks.

    Raises:
        ChannelException: code 1: forwarding is forbidden; code 2: nothing listens there, or forwarding to unix sockets
            is forbidden.
        SSHException, EOFError: the connection ended.
    """
    if isinstance(remote, str):
        return transport.open("direct-streamlocal@openssh.com", remote, "", 0, channel=channel)
    return transport.open("direct-tcpip", remote[0], remote[1], "127.0.0.1", 0, channel=channel)


def new_marker() -> str:
    """What the program prints before the first byte of the socket; a login shell may print anything before it."""
    return f"rhdesk-{os.urandom(12).hex()}"


def open_carried(
    transport: SshTransport, remote: str | tuple[str, int], channel: paramiko.Channel | None, marker: str
) -> paramiko.Channel:
    """A session that runs a program which is connected to the socket. Blocks.

    Raises:
        ChannelException, SSHException, EOFError: no session, or the account runs no commands.
    """
    opened = transport.open_session(channel)
    host, port = (remote, "-") if isinstance(remote, str) else (remote[0], str(remote[1]))
    arguments = " ".join(map(shlex.quote, (host, port, marker)))
    script = (
        f'for p in python3 "$HOME"/.local/bin/python3 "$HOME"/.rh/installs/*/bin/python python; do '
        f'command -v "$p" >/dev/null 2>&1 && exec "$p" -c {shlex.quote(_CARRIER)} {arguments}; done; exit 127'
    )
    opened.exec_command(f"exec sh -c {shlex.quote(script)}")
    return opened
