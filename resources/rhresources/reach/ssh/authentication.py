"""Logging in: keys, the agent, a password, prompts of the server, one after another and several in a row where it asks
for that.

A key is offered before its passphrase is asked for, so nobody types one for a key that the host does not want. What the
person typed is kept only after it worked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any, Literal

import paramiko

from rhresources.reach.questions import SecretQuestion
from rhresources.reach.ssh import keys
from rhresources.reach.ssh.problems import (
    SshProblem,
    agent_empty,
    agent_missing,
    connection_lost,
    key_missing,
    log_in_refused,
    passphrase_missing,
    passphrase_wrong,
)
from rhresources.reach.ssh.secrets import Secrets, one_at_a_time, short
from rhresources.reach.ssh.target import SshTarget
from rhresources.reach.ssh.threads import in_thread
from rhresources.reach.ssh.transport import LogInReply, SshTransport

_TRIES = 3
"""How often somebody may mistype."""

Outcome = Literal["done", "more", "refused"]


class Authentication:
    """The log-in of one user at one host.

    Args:
        transport: whose host key was found to be good.
        target: as whom, by what.
        secrets: where passphrases and passwords come from.

    Attributes:
        how: by what it succeeded: "key ~/.ssh/id_ed25519", "password".
        notes: what there is to say although it worked.
    """

    def __init__(self, transport: SshTransport, target: SshTarget, secrets: Secrets) -> None:
        self._transport = transport
        self._target = target
        self._secrets = secrets
        self._allowed: list[str] = []
        self._tried: list[str] = []
        self._problem: SshProblem | None = None
        self._agent: keys.Agent | None = None
        self.how: list[str] = []
        self.notes: list[str] = []

    async def run(self) -> None:
        """Log in.

        Raises:
            SshProblem: the host lets nobody in, or what should be used to log in cannot be.
            NeedsAnswer: a person would have to answer, and none can be asked.
        """
        try:
            reply = await self._send(self._transport.log_in, self._target.user, "none")
            self._allowed = reply.allowed
            outcome: str = reply.kind
            used: set[str] = set()
            while outcome != "done":
                outcome = await self._next(used)
                if outcome == "refused":
                    raise self._refusal()
        finally:
            if self._agent is not None:
                self._agent.close()

    async def _next(self, used: set[str]) -> Outcome:
        """Try what the server allows until it says something else than no."""
        for method, attempt in (
            ("publickey", self._by_keys),
            ("keyboard-interactive", self._by_prompts),
            ("password", self._by_password),
        ):
            wanted = self._target.log_in in ("auto", *(("key", "agent") if method == "publickey" else ("password",)))
            # after a right key a second factor is due, whatever the document says
            if method not in self._allowed or method in used or not (wanted or used):
                continue
            outcome = await attempt()
            if outcome != "refused":
                used.add(method)
                return outcome
        return "refused"

    async def _send(self, function: Callable[..., LogInReply], *arguments: Any) -> LogInReply:
        transport = self._transport
        try:
            reply = await in_thread(function, *arguments, on_cancel=transport.kill)
        except (paramiko.SSHException, EOFError, OSError) as error:
            words = transport.last_words
            if "too many authentication failures" in words.lower():
                raise log_in_refused(
                    self._target, self._tried, [], "It ended the log-in after too many tries: name the key to use."
                ) from None
            raise connection_lost(
                self._target, "the host ended it during the log-in", words or str(error) or type(error).__name__
            ) from None
        if reply.kind in ("more", "refused"):
            self._allowed = reply.allowed
        return reply

    def _refusal(self) -> SshProblem:
        if self._problem is not None:
            return self._problem
        target = self._target
        if target.log_in == "agent" and "publickey" in self._allowed and not self._tried:
            return agent_empty(target.agent_socket)
        return log_in_refused(target, self._tried, self._allowed)

    # ------------------------------------------------------------ keys

    async def _by_keys(self) -> Outcome:
        target = self._target
        held = await self._keys_of_agent()
        files: list[tuple[str, bytes | None]] = []
        if target.log_in != "agent":
            files = await in_thread(self._usable_files)
        named = {blob for _, blob in files if blob}
        in_files = [key for key in held if _bare(key) in named]
        only_named = target.identities_only or target.log_in == "key"
        others = [] if only_named else [key for key in held if key not in in_files]
        for key in (*in_files, *others):
            outcome = await self._offer_agent_key(key)
            if outcome != "refused":
                return outcome
        offered = {_bare(key) for key in in_files}
        for path, blob in files:
            if blob is None or blob not in offered:
                outcome = await self._offer_file(path, blob)
                if outcome != "refused":
                    return outcome
        return "refused"

    def _usable_files(self) -> list[tuple[str, bytes | None]]:
        target = self._target
        files = [path for path in target.key_files if os.path.exists(path)]
        if target.key_required and target.key_files[0] not in files:
            raise key_missing(short(target.key_files[0]))
        return [(path, keys.public_blob(path)) for path in files]

    async def _keys_of_agent(self) -> list[paramiko.AgentKey]:
        target = self._target
        wanted = target.log_in == "agent"
        if not target.use_agent or not (target.agent_socket or os.name == "nt"):
            if wanted:
                raise agent_missing(target.agent_socket, "")
            return []
        try:
            agent = self._agent = await in_thread(keys.Agent, target.agent_socket)
        except (OSError, paramiko.SSHException, EOFError) as error:
            if wanted:
                raise agent_missing(target.agent_socket, str(error)) from None
            self.notes.append(f"The SSH agent at {target.agent_socket} does not answer.")
            return []
        return list(agent.get_keys())

    async def _offer_agent_key(self, key: paramiko.AgentKey) -> Outcome:
        name = f"key {key.comment or key.get_name()} of the agent"
        self._tried.append(name)
        reply = await self._send(self._transport.log_in_by_key, self._target.user, key, False)
        if reply.kind != "key-welcome":
            return _outcome(reply)
        try:
            reply = await self._send(self._transport.log_in_by_key, self._target.user, key, True)
        except SshProblem as error:
            if not self._transport.is_active():
                raise
            self._problem = SshProblem(
                f"The agent does not sign with its {name.removesuffix(' of the agent')}.",
                code="agent-refused",
                step="log in",
                remedy="Confirm it where the agent asks for that, or add the key again (ssh-add).",
                detail=error.detail,
            )
            return "refused"
        return self._came(reply, name)

    async def _offer_file(self, path: str, blob: bytes | None) -> Outcome:
        target, transport, name = self._target, self._transport, f"key {short(path)}"
        try:
            if await in_thread(keys.is_encrypted, path):
                if blob is not None:
                    offer: Any = keys.PublicHalf(blob)
                    reply = await self._send(transport.log_in_by_key, target.user, offer, False)
                    if reply.kind != "key-welcome" and not os.path.exists(f"{path}-cert.pub"):
                        self._tried.append(name)
                        return _outcome(reply)
                key = await self._unlocked(path)
            else:
                key = await in_thread(keys.load_key, path, None, self._certificate_of(blob))
        except SshProblem as error:
            if not transport.is_active():
                raise
            # another way may do; if none does, this is what was wrong
            self._problem = self._problem or error
            named = target.key_required and path == target.key_files[0]
            if named and (target.log_in == "key" or error.code in ("passphrase-missing", "key-not-readable")):
                raise
            return "refused"
        self._tried.append(name)
        return self._came(await self._send(transport.log_in_by_key, target.user, key, True), name)

    def _certificate_of(self, blob: bytes | None) -> str | None:
        """The certificate that the configuration names for a key."""
        for path in self._target.certificate_files:
            certificate = keys.blob_of_line(path)
            fields = blob[4 + int.from_bytes(blob[:4], "big") :] if blob else b""
            if certificate and fields and _after_nonce(certificate).startswith(fields):
                return path
        return None

    async def _unlocked(self, path: str) -> paramiko.PKey:
        subject, again = os.path.abspath(path), False
        certificate = self._certificate_of(keys.public_blob(path))
        async with one_at_a_time("passphrase", subject):
            kept = await self._secrets.kept("passphrase", subject)
            if kept is not None:
                try:
                    return await in_thread(keys.load_key, path, kept, certificate)
                except SshProblem as error:
                    if error.code != "passphrase-wrong":
                        raise
                    again = True
            for _ in range(_TRIES):
                name = short(path)
                question = SecretQuestion(
                    "passphrase", name, f"Passphrase of {name}", again=again, keeping=self._secrets.keeping
                )
                answer = await self._secrets.ask(question)
                if answer is None:
                    raise passphrase_wrong(name) if again else passphrase_missing(name)
                text, keep = answer
                try:
                    key = await in_thread(keys.load_key, path, text, certificate)
                except SshProblem as error:
                    if error.code not in ("passphrase-wrong", "passphrase-missing"):
                        raise
                    again = True
                    continue
                # it opened the key; whether the host takes the key is another matter
                if sentence := await self._secrets.keep("passphrase", subject, text, keep):
                    self.notes.append(sentence)
                return key
        raise passphrase_wrong(short(path))

    # ------------------------------------------------------------ passwords and prompts

    async def _by_password(self) -> Outcome:
        target = self._target
        async with one_at_a_time("password", target.account):
            text, keep, asked = await self._secrets.kept("password", target.account), False, False
            for number in range(_TRIES + (text is not None)):
                if text is None or number:
                    answer = await self._ask_password(again=number > 0)
                    if answer is None:
                        return "refused"
                    (text, keep), asked = answer, True
                if "password" not in self._tried:
                    self._tried.append("password")
                reply = await self._send(self._transport.log_in, target.user, "password", False, text)
                if reply.kind != "refused":
                    if asked and reply.kind in ("done", "more"):  # else the host wants a new one
                        await self._keep_password(text, keep)
                    return self._came(reply, "password")
                if "password" not in reply.allowed:
                    break
        return "refused"

    async def _by_prompts(self) -> Outcome:
        """Keyboard-interactive: the server asks what it likes, as often as it likes."""
        target = self._target
        async with one_at_a_time("password", target.account):
            kept = await self._secrets.kept("password", target.account)
            typed: tuple[str, bool] | None = None
            for number in range(_TRIES + (kept is not None)):
                reply = await self._send(self._transport.log_in, target.user, "keyboard-interactive", "", "")
                passwords = 0
                while reply.kind == "asked":
                    if reply.prompts and "answers to its questions" not in self._tried:
                        self._tried.append("answers to its questions")
                    answers = []
                    for text, echo in reply.prompts:
                        # the first hidden prompt for a password is for that of the account, the others for codes
                        if not echo and not passwords and re.search(r"pass(word|wort)|mot de passe", text, re.I):
                            passwords += 1
                            if kept is None or number:
                                typed = await self._ask_password(again=number > 0, reply=reply)
                                if typed is None:
                                    return "refused"
                            answers.append(typed[0] if typed is not None else kept or "")
                            continue
                        other = await self._secrets.ask(
                            SecretQuestion(
                                "answer",
                                target.account,
                                text.strip().rstrip(":").strip() or "Answer",
                                instruction=_joined(reply),
                                echo=echo,
                                again=number > 0 and not passwords,
                            )
                        )
                        if other is None:
                            return "refused"
                        answers.append(other[0])
                    reply = await self._send(self._transport.answer, answers)
                if reply.kind != "refused":
                    if typed is not None:
                        await self._keep_password(*typed)
                    return self._came(reply, "answers to its questions")
                if "keyboard-interactive" not in reply.allowed or "answers to its questions" not in self._tried:
                    break
        return "refused"

    async def _ask_password(self, *, again: bool, reply: LogInReply | None = None) -> tuple[str, bool] | None:
        account = self._target.account
        question = SecretQuestion(
            "password",
            account,
            f"Password of {account}",
            instruction=_joined(reply) if reply else "",
            again=again,
            keeping=self._secrets.keeping,
        )
        return await self._secrets.ask(question)

    async def _keep_password(self, text: str, keep: bool) -> None:
        """Keep it at once: it was right, and others wait for it."""
        if sentence := await self._secrets.keep("password", self._target.account, text, keep):
            self.notes.append(sentence)

    def _came(self, reply: LogInReply, name: str) -> Outcome:
        outcome = _outcome(reply)
        if outcome != "refused":
            self.how.append(name)
        return outcome


def _outcome(reply: LogInReply) -> Outcome:
    return "done" if reply.kind == "done" else "more" if reply.kind == "more" else "refused"


def _joined(reply: LogInReply) -> str:
    return " ".join(part.strip() for part in (reply.title, reply.instruction) if part.strip())


def _bare(key: paramiko.AgentKey) -> bytes:
    return bytes(key.blob)


def _after_nonce(certificate: bytes) -> bytes:
    """What follows type and nonce in a certificate: it begins with the fields of the key."""
    message = paramiko.Message(certificate)
    message.get_text()
    message.get_binary()
    return bytes(message.get_remainder())
