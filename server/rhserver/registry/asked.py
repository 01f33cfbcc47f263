"""What is known of one request besides what it says: where it came from, and who turned out to have sent it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.types import Scope

from rhserver.registry.accounts import Caller
from rhserver.registry.audit import Actor

_KEY = "rhdesk.asked"


@dataclass(slots=True)
class Asked:
    """One request.

    Attributes:
        address: of the computer that sent it.
        known: whether its token was right when it last came.
        wait: for how many seconds a wrong token is too much, after many of them; 0: it is not.
        caller: whose token came with it, once that has been looked up.
        at_end: called when it has been answered, or given up.
    """

    address: str
    known: bool = False
    wait: float = 0.0
    caller: Caller | None = None
    at_end: list[Callable[[], None]] = field(default_factory=list)

    @property
    def actor(self) -> Actor:
        """Who asks, as the audit log says it; nobody where there was no valid token."""
        if self.caller is None:
            return Actor("", None, self.address)
        return Actor(self.caller.user.name, self.caller.token_id, self.address)


def asked_of(scope: Scope) -> Asked:
    """What is known of the request that `scope` describes."""
    found: Asked | None = scope.get(_KEY)
    if found is None:
        client = scope.get("client")
        found = scope[_KEY] = Asked(str(client[0]) if client else "")
    return found
