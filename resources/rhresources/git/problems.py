"""What git says when it fails, as one sentence and what to do about it."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from pathlib import Path

from rhresources.errors import RhError
from rhresources.git.address import Remote
from rhresources.git.program import IDLE_SECONDS, Done


class GitProblem(RhError):
    """Git could not do what it was asked for; `code` says why."""

    code = "git-failed"

    def __init__(self, sentence: str, *, code: str = "git-failed", remedy: str = "", detail: str = "") -> None:
        super().__init__(sentence, remedy=remedy, detail=detail)
        self.code = code


_Rule = tuple[str, Callable[[Remote, "re.Match[str]"], tuple[str, str, str]]]


def _host_key(remote: Remote, _: re.Match[str]) -> tuple[str, str, str]:
    return (
        "host-key-unknown",
        f"The host key of {remote.host} is not known here.",
        f"Connect once in a terminal (ssh -T {_ssh_name(remote)}), compare the key and accept it.",
    )


def _host_key_changed(remote: Remote, _: re.Match[str]) -> tuple[str, str, str]:
    return (
        "host-key-changed",
        f"The host key of {remote.host} is not the one that is remembered: the host was installed anew, or somebody "
        "stands between you and it.",
        "If you know why it changed, forget the old key with ssh-keygen -R and try again.",
    )


def _refused(remote: Remote, _: re.Match[str]) -> tuple[str, str, str]:
    if remote.scheme == "ssh":
        return (
            "refused",
            f"{remote.host} does not let you read {remote.url}: no key of yours is accepted there.",
            f"Try ssh -T {_ssh_name(remote)} in a terminal; a key with a passphrase belongs into the SSH agent.",
        )
    return (
        "refused",
        f"{remote.host} wants a log-in for {remote.url}, or there is no such repository.",
        f"Check the address; for a private repository keep a token: rhdesk credentials set token {remote.host}",
    )


def _no_ssh(_: Remote, __: re.Match[str]) -> tuple[str, str, str]:
    return (
        "no-ssh",
        "git cannot start the ssh program.",
        "Install OpenSSH, or check what GIT_SSH_COMMAND, GIT_SSH and git's core.sshCommand name.",
    )


def _no_rights(_: Remote, found: re.Match[str]) -> tuple[str, str, str]:
    what = re.sub(r"^(?:fatal|error|warning): ", "", found.group()).rstrip(".")
    return (
        "no-rights",
        f"git may not use a file or folder of this computer: {what}.",
        "Check whose it is and its rights.",
    )


def _no_repository(remote: Remote, _: re.Match[str]) -> tuple[str, str, str]:
    return (
        "no-repository",
        f"There is no git repository {remote.url}, or you may not see it.",
        "Check the address.",
    )


def _no_disk(_: Remote, __: re.Match[str]) -> tuple[str, str, str]:
    return "disk-full", "The disk of this computer is full.", "Make room, then try again."


def _unreachable(remote: Remote, found: re.Match[str]) -> tuple[str, str, str]:
    why = found.group().strip().rstrip(".").lower()
    return (
        "unreachable",
        f"{remote.host or remote.url} cannot be reached: {why}.",
        "Check the connection and the address.",
    )


_RULES: list[_Rule] = [
    (r"No space left on device|Disk quota exceeded|disk full", _no_disk),
    (r"REMOTE HOST IDENTIFICATION HAS CHANGED|is marked as revoked", _host_key_changed),
    (r"Host key verification failed|No \S+ host key is known", _host_key),
    (
        r"Maximum \(\d+\) redirects followed|too many redirects|unable to update url base from redirection|"
        r"redirected from|The requested URL returned error: 30\d",
        lambda remote, _: (
            "redirected",
            f"{remote.host} sends git from {remote.url} to another address, again and again or with a token.",
            "Open the address in a browser and write the one where it ends.",
        ),
    ),
    (
        r"dubious ownership",
        lambda remote, _: (
            "others",
            f"{remote.url} belongs to another user, and git does not read it.",
            "If you trust that user: git config --global --add safe.directory FOLDER",
        ),
    ),
    (
        r"git-upload-pack: (?:command )?not found|git: not found",
        lambda remote, _: (
            "no-git-there",
            f"There is no git program at {remote.host}.",
            "Install git there, or check the address.",
        ),
    ),
    (
        r"cannot run [^\n]*: (?:No such file|Permission denied)|(?m:^[^\n]+: (?:\d+: )?\S+: (?:command )?not found$)",
        _no_ssh,
    ),
    (r"(?m)^(?:fatal|error|warning): [^\n]*: Permission denied$|^error: insufficient permission[^\n]*$", _no_rights),
    (
        r"Permission denied \(|Permission denied, |Authentication failed|could not read (?:Username|Password)|"
        r"The requested URL returned error: (?:401|403)|HTTP Basic: Access denied|"
        r"Permission to \S+ denied|Authentication required|Authorization error|Git credentials for \S+ not found|"
        r"Bad credentials",
        _refused,
    ),
    (r"Could not resolve host(?:name)?|Name or service not known|Temporary failure in name resolution", _unreachable),
    (
        r"Connection refused|Connection timed out|Operation timed out|Network is unreachable|No route to host|"
        r"Failed to connect|Connection reset by peer|Connection closed by|Could not connect|Operation too slow|"
        r"Empty reply from server",
        _unreachable,
    ),
    (
        r"server certificate verification failed|SSL certificate problem|certificate verify failed|"
        r"SSL: no alternative certificate",
        lambda remote, _: (
            "certificate",
            f"The certificate of {remote.host} cannot be verified.",
            "Give git the authority's certificate (http.sslCAInfo, or the variable GIT_SSL_CAINFO).",
        ),
    ),
    (
        r"transport '(\w+)' not allowed|Protocol \"?(\w+)\"? (?:is )?not supported",
        lambda remote, found: (
            "protocol",
            f"{remote.url} leads to the protocol {found[1] or found[2]}, which is not used here.",
            "Write the https:// or ssh:// address of the repository.",
        ),
    ),
    (
        r"not our ref|couldn't find remote ref|no such remote ref|unadvertised object|bad revision|"
        r"remote did not send all necessary objects",
        lambda remote, _: (
            "no-revision",
            f"{remote.url} has no such revision.",
            "Check the branch, tag or commit.",
        ),
    ),
    (
        r"(?i)repository '?[^\n]*'? not found|does not appear to be a git repository|repository not found|"
        r"does not exist|not found: did you run|The requested URL returned error: 404|No such file or directory|"
        r"could not be found or you don't have permission",
        _no_repository,
    ),
    (
        r"not valid: (?:is this a git repository|could not determine hash)|protocol error|bad line length|"
        r"invalid server response|not a git server|expected flush|unexpected disconnect|unrecognized|"
        r"expected service, got",
        lambda remote, _: (
            "no-git-server",
            f"What answers at {remote.url} is not a git server.",
            "Write the address that the repository's page shows for cloning.",
        ),
    ),
]


def problem_of(remote: Remote, done: Done) -> GitProblem:
    """Why git failed."""
    if done.was_silent:
        return GitProblem(
            f"{remote.host or remote.url} said nothing for {IDLE_SECONDS:.0f} seconds.",
            code="unreachable",
            remedy="Try again; if it stays silent, check the connection.",
            detail=done.messages,
        )
    if done.was_too_large:
        return GitProblem(
            f"{remote.url} sends more than rhdesk takes of a repository.",
            code="too-large",
            remedy="Use a smaller repository, or one without its data.",
            detail=done.messages,
        )
    for pattern, say in _RULES:
        if found := re.search(pattern, done.messages):
            code, sentence, remedy = say(remote, found)
            return GitProblem(sentence, code=code, remedy=remedy, detail=done.messages)
    lines = [line for line in done.messages.splitlines() if line.startswith(("fatal:", "error:", "ERROR"))]
    why = re.sub(r"^(fatal|error|ERROR):\s*", "", lines[-1]).rstrip(".") if lines else f"git ended with {done.code}"
    return GitProblem(f"{remote.url} cannot be fetched: {why}.", detail=done.messages)


def disk_problem(folder: Path, error: OSError) -> GitProblem:
    """Files could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return GitProblem(
            f"The disk that holds {folder} is full.", code="disk-full", remedy="Make room, then try again."
        )
    return GitProblem(
        f"{error.filename or folder} cannot be written: {error.strerror or error}.",
        remedy="Check the rights of that folder.",
        detail=str(error),
    )


def _ssh_name(remote: Remote) -> str:
    """Who to log in as, for a terminal."""
    host, colon, port = remote.account.rpartition(":")
    return f"-p {port} {host}" if colon and port.isdigit() else remote.account
