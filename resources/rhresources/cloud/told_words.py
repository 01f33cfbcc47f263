"""What is said of clusters that the SkyPilot of somebody else, or of another computer, runs."""

from __future__ import annotations

from rhresources.ages import ago
from rhresources.errors import RhError
from rhresources.registry.told import Told

_JUST_NOW = 60.0
"""What is told is a look that somebody else takes now and then: less than a minute says nothing."""

_ARE = {
    "launching": "is being launched",
    "unhealthy": "is not well",
    "up": "is up",
    "stopping": "is stopping",
    "stopped": "is stopped",
    "down": "is down",
}


class Elsewhere(RhError):
    """Another SkyPilot than ours runs the cluster, and it alone can do that."""

    code = "elsewhere"


def whose(told: Told, me: str) -> str:
    """Whose SkyPilot it is: "alice (alice@laptop)", "you (alice@laptop)"."""
    who = "you" if told.by == me else told.by or "somebody"
    return f"{who} ({told.computer})" if told.computer else who


def standing(told: Told, who: str, now: float) -> str:
    """Who runs it, and how old that is: "Started by alice (alice@laptop) · seen 2 min ago"."""
    return f"Started by {who} · seen {ago(told.seen, now, just_now=_JUST_NOW)}"


def seen_words(address: str, told: Told, me: str, now: float) -> str:
    """ "alice (alice@laptop) saw 2 min ago that /alice/gpu is up"."""
    return f"{whose(told, me)} saw {ago(told.seen, now, just_now=_JUST_NOW)} that {address} {_ARE[told.state]}"


def sentence(words: str) -> str:
    """These words at the beginning of a sentence; the name of a user stays as it is."""
    return f"{words[:1].upper()}{words[1:]}" if words.startswith(("you ", "somebody ")) else words


def refusal(address: str, told: Told, me: str, what: str, now: float) -> Elsewhere:
    """Why `what` ("taken down") is not done from here, and who can."""
    said = seen_words(address, told, me, now)
    return Elsewhere(
        f"{address} is {what} only through the SkyPilot of {whose(told, me)}, which runs it.",
        remedy=f"{sentence(said)}. If that is no longer so: rhdesk status '{address}' --forget",
    )


def refusal_to_launch(address: str, told: Told, me: str, now: float) -> Elsewhere:
    """Why no second one is launched."""
    return Elsewhere(
        f"{address} is not brought up from here, since a SkyPilot that is not ours runs it: "
        f"{seen_words(address, told, me, now)}.",
        remedy=f"Let it be brought up there; or have one of your own: rhdesk cp '{address}' ~/{_last(address)}. "
        f"If its machines are gone: rhdesk status '{address}' --forget",
    )


def _last(address: str) -> str:
    return address.rpartition("/")[2]
