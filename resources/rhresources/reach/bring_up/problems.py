"""What goes wrong on a host that one can log in to: one sentence and one remedy each."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rhresources.errors import InstallError, RhError
from rhresources.uv_words import is_disk_full, telling_sentence

OLDEST_PYTHON = (3, 11)

_READ_ONLY = re.compile(r"Read-only file system|os error 30\b|Errno 30\b")
_DENIED = re.compile(r"Permission denied|os error 13\b|Errno 13\b|is not writable")
_NO_NETWORK = re.compile(
    r"dns error|failed to lookup address|error sending request|Connection refused|Network is unreachable|"
    r"tcp connect error|client error \(Connect\)|operation timed out|Could not connect|network connectivity is disabled"
)
_LACKS = re.compile(r"Because ([\w.-]+) was not found in the (?:provided package locations|cache)")
_LACKS_VERSION = re.compile(r"there (?:is|are) no versions? of ([\w.-]+)(?:==| *==)?([\w.+-]*)")
_NO_TAG = re.compile(r"([\w.-]+)==?([\w.+-]*) has no wheels? with a matching ([\w ]+) tag")


def no_commands(host: str, code: int, said: Sequence[str]) -> RhError:
    """The account cannot run a shell."""
    last = next((line.strip() for line in reversed(said) if line.strip()), "")
    return RhError(
        f"{host} lets you in and runs no commands" + (f": {last[:200]}" if last else f" (exit code {code})."),
        remedy="The account needs a login shell; ~/.bashrc and its like must not end or replace it.",
        detail="\n".join(said),
    )


def broke_off(host: str, script: str, output: Sequence[str]) -> RhError:
    """A script ended without a word of its own."""
    last = next((line.strip() for line in reversed(output) if line.strip()), "")
    return known_cause(host, output) or RhError(
        f"{host} broke off `{script}`" + (f": {last[:200]}" if last else "."),
        remedy="Try again; what is done stays done.",
        detail="\n".join(output),
    )


def too_slow(host: str, script: str, seconds: float, output: Sequence[str]) -> RhError:
    """A step took too long and was ended."""
    return RhError(
        f"{host} did not finish `{script}` within {seconds:.0f} s.",
        remedy="Look at the load and the disk of the host, then try again; what is done stays done.",
        detail="\n".join(output),
    )


def not_writable(host: str, words: str) -> RhError:
    """A folder that must be written cannot be."""
    return known_cause(host, [words]) or RhError(
        f"{host} cannot be written to: {words.strip()[:300]}.",
        remedy="rhdesk keeps everything in ~/.rh there; RH_HOME, set for your log-ins there, names another directory.",
        detail=words,
    )


def known_cause(host: str, output: Sequence[str]) -> RhError | None:
    """The error for what disks and networks do, whichever program said it."""
    text = "\n".join(output)
    path = found[1] if (found := re.search(r"[`'\"]?(/[^`'\":\n]+)", text)) else "the home directory"
    if is_disk_full(text):
        what = "quota" if "quota" in text or "122" in text else "disk"
        return InstallError(
            f"The {what} of {host} is full." if what == "disk" else f"Your disk quota on {host} is used up.",
            remedy="Free about 1 GB there and bring the cluster up again: it goes on where it stopped.",
            detail=text,
        )
    if _READ_ONLY.search(text):
        return InstallError(
            f"{host} cannot be written to: {path} is read-only.",
            remedy="Name a directory that can be written: RH_HOME, set for your log-ins on the host.",
            detail=text,
        )
    if _DENIED.search(text):
        return InstallError(
            f"{host} does not let you write to {path}.",
            remedy="Make it yours, or name another directory: RH_HOME, set for your log-ins on the host.",
            detail=text,
        )
    return None


def no_python(host: str, found: Sequence[str], why: str, detail: str = "") -> RhError:
    """No Python is new enough, and none could be fetched."""
    oldest = ".".join(map(str, OLDEST_PYTHON))
    has = f"only Python {found[0]}" if found else "no Python"
    error = RhError(
        f"{host} has {has}; {oldest} or newer is needed" + (f", and uv could not fetch one: {why}." if why else "."),
        remedy=f"Install Python {oldest} or newer there, or name one in the cluster's `python:` field.",
        detail=detail,
    )
    error.code = "python-too-old"
    return error


def wrong_python(host: str, asked: str, said: str) -> RhError:
    """What the `python:` field names is not there or too old."""
    error = RhError(
        f"`python: {asked}` does not fit {host}: {said}.",
        remedy="Name a Python of 3.11 or newer that is there, or leave the field empty.",
    )
    error.code = "python-too-old"
    return error


def no_uv(host: str, kind: str, detail: str) -> RhError:
    """uv is not there and cannot be brought there."""
    return InstallError(
        f"{host} has no uv, and rhdesk could not put one there: this computer has none for {kind}.",
        remedy="Install uv on the host (pip install uv, or see docs.astral.sh/uv), or give it internet access.",
        detail=detail,
    )


def little_space(host: str, free: int, folder: str) -> RhError:
    """The disk is not full yet, and would be."""
    return InstallError(
        f"The disk of {host} is full: {free / 1024**2:.0f} MiB are free at {folder}.",
        remedy="Free about 1 GB there and bring the cluster up again.",
    )


def not_installed(
    host: str, code: str, output: Sequence[str], *, python: str, wheels: str, pythons: Sequence[str], fetched: bool
) -> RhError:
    """The installer ended with an error; its own words are the detail.

    Args:
        host, code, output: where, at which step, and what was said.
        python: the version that was to be used.
        wheels: the folder of wheels, if everything had to come from there.
        pythons: the versions that are there.
        fetched: none of them would do, and uv was to fetch one.
    """
    text = "\n".join(output)
    if (known := known_cause(host, output)) is not None:
        return known
    if code == "broken":
        last = next((line.strip() for line in reversed(output) if line.strip()), "")
        return InstallError(
            f"What was installed on {host} does not run: {last[:300]}",
            remedy="The detail says what is missing on the host.",
            detail=text,
        )
    if code == "environment":
        said = telling_sentence(output)
        if fetched:
            return no_python(host, pythons, said, text)
        return InstallError(
            f"No Python environment could be made on {host}" + (f": {said}." if said else "."),
            remedy=f"It was to use {python}; the cluster's `python:` field can name another.",
            detail=text,
        )
    if wheels:
        lacks = _LACKS.search(text) or _LACKS_VERSION.search(text) or _NO_TAG.search(text)
        if lacks:
            version = lacks[2] if lacks.re is not _LACKS and lacks[2] else ""
            name = lacks[1] + (f" {version}" if version else "")
            return InstallError(
                f"The folder of wheels has no {name} that fits {host} (Python {python}).",
                remedy=f"Put it into {wheels}; everything that rhdesk[server] needs must be there.",
                detail=text,
            )
    elif _NO_NETWORK.search(text):
        return InstallError(
            f"{host} cannot reach the package index.",
            remedy="Name a folder of wheels on this computer in the cluster's `wheels:` field, or give the host "
            "internet access (a proxy, or UV_DEFAULT_INDEX for a mirror, set for your log-ins there).",
            detail=text,
        )
    said = telling_sentence(output)
    return InstallError(
        f"rhdesk could not be installed on {host}" + (f": {said}." if said else "."),
        remedy="The installer's own words are in the detail.",
        detail=text,
    )


def not_started(host: str, code: str, output: Sequence[str], log: str) -> RhError:
    """The server process ended, or says nothing."""
    text = "\n".join(output)
    if (known := known_cause(host, [line for line in output if "Error" in line or "rhserver:" in line])) is not None:
        return known
    if code == "silent":
        return RhError(
            f"The cluster server on {host} did not answer in time.",
            remedy=f"{log} on the host says what it does.",
            detail=text,
        )
    lines = [line.strip() for line in output if line.strip()]
    said = next((line for line in reversed(lines) if line.startswith("rhserver: ")), lines[-1] if lines else "")
    why = said.removeprefix("rhserver: ") or "it ended and said nothing."
    return RhError(
        f"The cluster server could not start on {host}: {why}",
        remedy="" if said.startswith("rhserver: ") else f"{log} on the host has the details.",
        detail=text,
    )


def newer_there(host: str, version: str, here: str) -> RhError:
    """The server there speaks a protocol that this rhdesk does not know yet."""
    error = RhError(
        f"{host} runs rhdesk {version}, which is newer than the {here} of this computer and speaks a newer protocol.",
        remedy="Update rhdesk on this computer.",
    )
    error.code = "version"
    return error


def older_there(host: str, version: str, here: str) -> RhError:
    """The server there speaks an older protocol."""
    error = RhError(
        f"{host} runs rhdesk {version}, which is too old for the {here} of this computer.",
        remedy="Upgrade the cluster (rhdesk upgrade); its runs go on meanwhile.",
    )
    error.code = "version"
    return error
