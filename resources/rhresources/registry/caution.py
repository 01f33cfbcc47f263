"""What of a document that others may load leads to one computer only."""

from __future__ import annotations

from rhresources.documents import ClusterDocument, Document, FunctionDocument
from rhresources.packages import PackageSpec, parse_package

_PATH_HERE = ("/", "~")
_NO_ACCOUNT = (
    "It names no account (ssh_user under ssh_creds), so everybody who loads it logs in as themselves and has a cluster "
    "server of their own there."
)


def caution_of(document: Document) -> str:
    """One sentence about what others cannot reach; empty if they can reach all of it."""
    found = _parts_here(document)
    if not found:
        return _NO_ACCOUNT if _names_no_account(document) else ""
    listed = found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"
    return f"Others cannot reach {listed}: {'that is' if len(found) == 1 else 'they are'} on one computer."


def _names_no_account(document: Document) -> bool:
    return isinstance(document, ClusterDocument) and document.type == "ssh" and not document.ssh_creds.ssh_user


def _parts_here(document: Document) -> list[str]:
    if isinstance(document, FunctionDocument):
        found = [f"its cluster {document.cluster}"] if (document.cluster or "").startswith("~/") else []
        code = document.code
        here = "" if code.sent is not None else code.root
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
