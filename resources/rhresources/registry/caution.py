"""What of a document that others may load leads to one computer only."""

from __future__ import annotations

from rhresources.documents import ClusterDocument, Document, FunctionDocument
from rhresources.packages import PackageSpec, parse_package

_PATH_HERE = ("/", "~")
_NO_ACCOUNT = (
    "It names no account (ssh_user under ssh_creds), so everybody who loads it logs in as themselves and has a cluster "
    "server of their own there."
)
_OWN_COMPUTER = (
    "For everybody it means their own computer, not this one: to share this one, save it with its address (ips)."
)


def caution_of(document: Document) -> str:
    """What others cannot reach, and what can be done about it; empty if they can reach all of it."""
    found = _parts_here(document)
    if not found:
        if isinstance(document, ClusterDocument) and document.type == "machine":
            return _OWN_COMPUTER
        return _NO_ACCOUNT if _names_no_account(document) else ""
    listed = found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"
    said = f"Others cannot reach {listed}: {'that is' if len(found) == 1 else 'they are'} on one computer."
    return f"{said} {remedy}" if (remedy := _remedy(document)) else said


def others_reach(cluster: str | None) -> bool:
    """Whether a cluster that a function names is the same one for everybody who reads that."""
    return (cluster or "").startswith("/")


def _remedy(document: Document) -> str:
    if isinstance(document, FunctionDocument) and document.code.place == "folder":
        if document.cluster == "^local":
            return "^local is the computer of whoever calls it: send it to a cluster that all of them reach."
        if document.code.sent is not None:
            return ""
        if others_reach(document.cluster):
            return f"Run it once from there while {document.cluster} is up, and its code is there for all of them."
        if not document.cluster:
            return "Give it a cluster of the registry, and run it once there, or a git_url in place of the folder."
    return ""


def _names_no_account(document: Document) -> bool:
    return isinstance(document, ClusterDocument) and document.type == "ssh" and not document.ssh_creds.ssh_user


def _parts_here(document: Document) -> list[str]:
    if isinstance(document, FunctionDocument):
        found = [f"its cluster {document.cluster}"] if (document.cluster or "").startswith("~/") else []
        code = document.code
        here = "" if code.sent is not None and document.cluster != "^local" else code.root
        if place := here or (code.git_url if code.git_url.startswith(_PATH_HERE) else ""):
            found.append(f"its code in {place}")
        return found + [f"its package {line}" for line in document.packages if _is_here(parse_package(line))]
    if isinstance(document, ClusterDocument):
        key = document.ssh_creds.ssh_private_key or ""
        # a path under ~ is a file of whoever reads it, as it should be
        return [f"its key file {key}"] if key.startswith("/") else []
    spec = document.spec()
    return [f"its folder {spec.target or spec.git_url}"] if _is_here(spec) or spec.is_path else []


def _is_here(spec: PackageSpec) -> bool:
    if spec.method == "saved":
        return spec.target.startswith("~/")
    # a path that is not whole is one inside the code
    return (spec.git_url or (spec.target if spec.is_path else "")).startswith(_PATH_HERE)
