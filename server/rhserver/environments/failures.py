"""What went wrong with an installer, as one sentence with its words as detail."""

from __future__ import annotations

from collections.abc import Sequence

from rhresources.errors import InstallError
from rhresources.uv_words import advice, is_disk_full, telling_sentence


def failure(lines: Sequence[str], what: str, remedy: str = "") -> InstallError:
    """`what`, with the reason that `lines` of output give; without a `remedy`, the installer's own advice."""
    sentence = telling_sentence(lines)
    remedy = remedy or advice(lines) or "Correct the packages and run again."
    return InstallError(
        f"{what}: {sentence}." if sentence else f"{what}.",
        remedy="Free some space there, and try again." if is_disk_full("\n".join(lines)) else remedy,
        detail="\n".join(lines),
    )
