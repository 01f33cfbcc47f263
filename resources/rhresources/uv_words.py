"""What uv says went wrong, as one sentence and what it advises; all of its words are for the detail."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_LONGEST = 300
_FULL = re.compile(r"No space left on device|os error 28\b|Errno 28\b|Disk quota exceeded|os error 122\b|Errno 122\b")
_NOT_FOUND = re.compile(r"Because (\S+) was not found in the (?:package registry|provided package locations)")
_CAUSE = re.compile(r"cause:|Caused by:|[╰├]─▶")
_DRAWN = "×╰├─▶│ "
_TRANSCRIPT = re.compile(r"\[std(?:err|out)\]|--- std(?:err|out)|Traceback \(most recent")
"""What a program that uv ran had printed follows."""
_BUILT = re.compile(r"Failed to (?:download and )?build `([^`@]+?)(?: @ [^`]*)?`")
_LOCAL = re.compile(r"`([^`@]+?) @ file:[^`]*`")
_COMPLAINT = re.compile(r"(?:^|: )(?:fatal error|fatal|error): ")
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Exit|Warning)(?:: |$)")
_FOR_LOCAL = re.compile(r" for `(?:[^`]* @ )?file:[^`]*`")


def is_disk_full(text: str) -> bool:
    """Whether a program complains that there is no more room."""
    return _FULL.search(text) is not None


def telling_sentence(lines: Iterable[str]) -> str:
    """What went wrong, without a full stop; empty if nothing stands out. `lines` are as uv indents them."""
    text = "\n".join(lines)
    if is_disk_full(text):
        return "the disk of the cluster is full"
    if found := _NOT_FOUND.search(text):
        return f"the package {found.group(1)} does not exist in the package index"
    error, causes, transcript = _taken_apart(text.splitlines())
    if not error:
        return ""
    if causes and error.startswith("No solution found"):
        return _shortened(_reason(causes[0]))
    complaint = _complaint(transcript)
    built = _BUILT.match(error)
    if complaint and built:
        return _shortened(f"{built[1]} cannot be built: {complaint}")
    if complaint and any(word in error for word in ("build backend", "Git operation")):
        return _shortened(f"{error.rstrip(':. ')}: {complaint}")
    said = f"{error.rstrip(':. ')}: {causes[-1]}" if causes else error
    return _shortened(_LOCAL.sub(r"\1", said))


def advice(lines: Iterable[str]) -> str:
    """uv's own hint; empty: it has none."""
    hint = next((line.removeprefix("hint:").strip() for line in lines if line.startswith("hint:")), "")
    hint = _FOR_LOCAL.sub("", hint).rstrip(". ")
    return f"{hint}." if hint and len(hint) <= _LONGEST else ""


def _taken_apart(lines: Sequence[str]) -> tuple[str, list[str], list[str]]:
    """The last error, its causes, and what the program behind the last of them had printed."""
    error, causes, transcript, in_transcript = "", list[str](), list[str](), False
    for line in lines:
        stripped = line.strip().lstrip(_DRAWN).strip()
        if line.startswith("error:") or line.lstrip().startswith("×"):
            error, causes, transcript, in_transcript = stripped.removeprefix("error:").strip(), [], [], False
        elif error and _CAUSE.match(line.strip()):
            causes.append(_CAUSE.sub("", line.strip(), count=1).strip())
            transcript, in_transcript = [], False
        elif not line.startswith(" ") and stripped:
            in_transcript = False
        elif causes and stripped:
            in_transcript = in_transcript or _TRANSCRIPT.match(stripped) is not None
            if in_transcript:
                transcript.append(stripped)
            elif not set(stripped) <= {"^", "~"}:
                causes[-1] += f" {stripped}"
    return error, causes, transcript


def _complaint(transcript: Sequence[str]) -> str:
    """The line of a compiler, of git or of a Python program that says why it ended; empty: none does."""
    compiler = next((line for line in transcript if _COMPLAINT.search(line)), "")
    if compiler and not compiler.startswith("error: Command "):
        return re.sub(r"^(?:fatal|error): ", "", compiler)
    return next((line for line in reversed(transcript) if _EXCEPTION.match(line)), compiler)


def _reason(cause: str) -> str:
    """The resolver's proof, without the words that every proof has."""
    conclusion = r",? we can conclude that your requirements are unsatisfiable\.?"
    cause = re.sub(rf"\.? And because (.*?){conclusion}", r", but \1", cause)
    cause = re.sub(conclusion, "", cause)
    cause = re.sub(r",? we can conclude that", ", so", cause)
    cause = re.sub(r"^Because ", "", cause).strip()
    return re.sub(r"^(there (?:is|are) no versions? of (\S+)) and you require \2$", r"\1", cause)


def _shortened(said: str) -> str:
    if len(said) > _LONGEST:
        said = said[:_LONGEST].rsplit(" ", 1)[0]
    return said.rstrip(" .:,;")
