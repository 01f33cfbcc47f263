"""Questions to whoever sits at the terminal of the command line or of a program, or at a notebook."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from rhresources.credentials import tty
from rhresources.credentials.threads import Threads
from rhresources.reach.questions import HostKeyQuestion, NeedsAnswer, SecretAnswer, SecretQuestion

_SHORT_TYPES = {"ssh-ed25519": "ED25519", "ssh-rsa": "RSA"}


class TerminalAsker:
    """Asks at the controlling terminal, one question after the other; in a Jupyter notebook under its cell.

    Args:
        hold: makes a context in which nothing else writes to the terminal.
    """

    def __init__(self, hold: Callable[[], AbstractContextManager[object]] = nullcontext) -> None:
        self._hold = hold
        self._turn = asyncio.Lock()
        self._threads = Threads("terminal", 1)

    async def confirm_host_key(self, question: HostKeyQuestion) -> bool:
        """Whether the person typed "yes", or the fingerprint itself.

        Raises:
            NeedsAnswer: nobody sits at a terminal.
        """
        self._require_somebody(question)
        host = question.host if question.port == 22 else f"[{question.host}]:{question.port}"
        kind = _SHORT_TYPES.get(question.key_type, "ECDSA" if question.key_type.startswith("ecdsa-") else "")
        text = (
            f"The authenticity of host '{_clean(host)}' can't be established.\n"
            f"{kind or _clean(question.key_type)} key fingerprint is {_clean(question.fingerprint)}.\n"
            "Are you sure you want to continue connecting (yes/no/[fingerprint])? "
        )
        async with self._turn:
            with self._hold():
                answer = await self._line(text, hidden=False)
        return answer is not None and (answer.strip().lower() == "yes" or answer.strip() == question.fingerprint)

    async def ask_secret(self, question: SecretQuestion) -> SecretAnswer | None:
        """What the person typed, and whether to keep it; None for nothing.

        Raises:
            NeedsAnswer: nobody sits at a terminal.
        """
        self._require_somebody(question)
        async with self._turn:
            with self._hold():
                return await self._secret(question)

    async def _secret(self, question: SecretQuestion) -> SecretAnswer | None:
        head = "That was wrong, please try again.\n" if question.again else ""
        if question.instruction.strip():
            head += f"{_clean(question.instruction, lines=True)}\n"
        text = await self._line(f"{head}{_clean(question.prompt).rstrip(': ')}: ", hidden=not question.echo)
        if not text and (text is None or question.kind not in ("answer", "key")):
            return None
        if not question.keeping:
            return SecretAnswer(text)
        if not question.keeping.startswith("in "):
            return SecretAnswer(text, keep=True)  # while this program lives, which needs no question
        keep = await self._line(f"Keep it {question.keeping}? [Y/n] ", hidden=False)
        return SecretAnswer(text, keep=keep is not None and keep.strip().lower() in ("", "y", "yes"))

    async def _line(self, prompt: str, *, hidden: bool) -> str | None:
        if in_notebook():
            return await self._threads.run(lambda: _from_notebook(prompt, hidden))
        line = tty.Line(prompt, hidden=hidden)
        try:
            return await self._threads.run(line.read)
        except asyncio.CancelledError:
            line.give_up()  # before the shell's prompt comes back, which would not show what is typed
            raise
        except OSError:
            return None

    @staticmethod
    def _require_somebody(question: HostKeyQuestion | SecretQuestion) -> None:
        if not in_notebook() and not tty.is_there():
            raise refusal(question)


def in_notebook() -> bool:
    """Whether this program is the kernel of a notebook, where `input` and `getpass` show a field under the cell."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def refusal(question: HostKeyQuestion | SecretQuestion) -> NeedsAnswer:
    """The error for a question that nobody is there to answer, with the command that answers it beforehand."""
    if isinstance(question, HostKeyQuestion):
        name = question.host if question.port == 22 else f"[{question.host}]:{question.port}"
        return NeedsAnswer(
            f"The host key of {name} is not known here, and nobody is at a terminal to confirm it.",
            remedy=f"Run this once in a terminal, or add the key to {in_home(question.file)} yourself.",
            detail=f"{question.key_type} {question.fingerprint}",
        )
    if question.kind == "answer":
        return NeedsAnswer(
            f"{question.subject} asks for more than a key or a password ({_clean(question.prompt).rstrip(': ')}), and "
            "nobody is at a terminal to answer.",
            remedy="Run this in a terminal.",
        )
    if question.kind == "key":
        return NeedsAnswer(
            f"{question.instruction} Nobody is at a terminal to say which of your keys logs in there.",
            remedy=f"Say it once: rhdesk reach '{question.subject}' --key ~/.ssh/id_ed25519",
        )
    wrong = "is wrong" if question.again else "is needed"
    account = question.subject.removesuffix(":22")
    subject = in_home(question.subject) if question.kind == "passphrase" else account
    return NeedsAnswer(
        f"The {question.kind} of {subject} {wrong}, and nobody is at a terminal to type it.",
        remedy=f"Run this once in a terminal, or keep it with `rhdesk credentials set {question.kind} {subject}`.",
    )


def _from_notebook(prompt: str, hidden: bool) -> str | None:
    import getpass

    try:
        return getpass.getpass(prompt) if hidden else input(prompt)
    except EOFError:
        return None


def _clean(text: str, *, lines: bool = False) -> str:
    """Text of the other side without what would move the cursor or change colours of the terminal."""
    kept = "\n\t" if lines else ""
    return "".join(each if each.isprintable() or each in kept else " " for each in text).strip()


def in_home(path: str) -> str:
    """`path` as people write it, "~/.ssh/id_ed25519"."""
    home = str(Path.home())
    return f"~{path[len(home) :]}" if path.startswith(home + os.sep) else path
