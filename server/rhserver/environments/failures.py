"""What went wrong with an installer, as one sentence with its words as detail."""

from __future__ import annotations

from collections.abc import Sequence

from rhresources.errors import InstallError
from rhserver.environments.installer import telling_sentence


def failure(lines: Sequence[str], what: str) -> InstallError:
    """`what`, with the reason that `lines` of output give."""
    sentence = telling_sentence(list(lines))
    return InstallError(
        f"{what}: {sentence}." if sentence else f"{what}.",
        remedy="" if "disk" in sentence else "Correct the packages and run again.",
        detail="\n".join(lines),
    )
