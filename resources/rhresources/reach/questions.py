"""What only a person can answer on the way to a host: an unknown host key, a passphrase, a password.

Whoever has a person to ask brings an `Asker`: the window shows dialogs, the command line prompts on its terminal.
Without one, or for what goes on by itself in the background, nothing is asked and `NeedsAnswer` is raised.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from rhresources.errors import RhError


class NeedsAnswer(RhError):
    """A person would have to answer, and none can be asked now."""

    code = "needs-answer"


@dataclass(frozen=True, slots=True)
class HostKeyQuestion:
    """Is this the key of the host?

    Attributes:
        host, port: as they are looked up in known_hosts.
        key_type: "ssh-ed25519".
        fingerprint: "SHA256:…", as `ssh-keygen -l` prints it.
        file: where the key is remembered after a yes.
    """

    host: str
    port: int
    key_type: str
    fingerprint: str
    file: str


@dataclass(frozen=True, slots=True)
class SecretQuestion:
    """Something that is typed and not shown.

    Attributes:
        kind: a passphrase of a key file, a password of an account, the answer to a prompt of the server (a code), an
            access token of a git server, or the path of a key file, which is no secret.
        subject: the key file, "~/.ssh/id_ed25519", the account, "alice@gpu1:22", the git server, "github.com", or the
            cluster that a key is for.
        prompt: what to ask for, as one line: "Passphrase of ~/.ssh/id_ed25519".
        instruction: what the server says beside its prompt; often empty.
        echo: whether what is typed may be shown (the server says so for some prompts).
        again: the last answer was wrong.
        keeping: where it would be kept, "in GNOME Keyring" or "until rhdesk is closed"; empty: it is not kept.
    """

    kind: Literal["passphrase", "password", "answer", "token", "key"]
    subject: str
    prompt: str
    instruction: str = ""
    echo: bool = False
    again: bool = False
    keeping: str = ""


@dataclass(frozen=True, slots=True)
class SecretAnswer:
    """What was typed, and whether to keep it."""

    text: str = field(repr=False)
    keep: bool = False


class Asker(Protocol):
    """Asks the person. Called on the event loop of the workspace; several questions may come at once."""

    async def confirm_host_key(self, question: HostKeyQuestion) -> bool:
        """Whether the person says that it is the host's key."""
        ...

    async def ask_secret(self, question: SecretQuestion) -> SecretAnswer | None:
        """What the person typed; None: they would rather not."""
        ...
