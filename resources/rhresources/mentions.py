"""Which documents name a resource, and how they get its new name when it is called something else.

A function names its cluster and its saved packages. Only documents that are known here without asking anybody are
looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rhresources.documents import Document, parse_document, update_text
from rhresources.errors import DocumentError, NoRegistry, NotFound, RhError, UsageError
from rhresources.names import Address

if TYPE_CHECKING:
    from rhresources.registry_names import Name
    from rhresources.resource_names import ResourceNames
    from rhresources.stores.entry import Entry

_PLACE = r"""(\brh:|^cluster:\s+["']?)"""
_END = r"(?![\w./-])"
_LISTED = 5
_THEIR_COMPUTER = "~/ is another computer to others"


@dataclass(frozen=True, slots=True)
class Renaming:
    """What became of the documents that named a resource by its old name.

    Attributes:
        updated: those that say the new name now.
        left: those that do not, and why.
    """

    updated: tuple[Entry, ...] = ()
    left: tuple[tuple[Entry, str], ...] = ()


def names_in(document: Document) -> frozenset[str]:
    """The names of other resources in a document, as they stand in it."""
    found: set[str] = set()

    def take(name: str) -> str:
        found.add(name)
        return name

    document.with_names(take)
    return frozenset(found)


def who_names(names: ResourceNames, *resources: Name) -> list[Entry]:
    """The documents that name one of `resources`, whether there is still something of that name or not.

    `~/x` in the registry means this computer only in what its user saved in their own folder.
    """
    wanted, user = {names.resolve(name) for name in resources}, _user(names)
    found = names.saying(*(address.name for address in wanted))
    return sorted(
        (each for each in found if each.document is not None and wanted & _named_by(names, each, user)),
        key=lambda entry: (entry.address.place, entry.address.parts),
    )


def give_new_name(names: ResourceNames, old: Name, new: Name, documents: Iterable[Entry]) -> Renaming:
    """Write `new` in place of `old` into documents, each saved as ever; nothing else in them changes.

    Args:
        names: where they are kept.
        old: what they say.
        new: what they shall say.
        documents: of `who_names`; those that cannot be changed are left as they are.
    """
    before, after, user = names.resolve(old), names.resolve(new), _user(names)
    updated, left = [], []
    for entry in documents:
        if reason := _why_left(entry, after, user):
            left.append((entry, reason))
            continue
        try:
            text = _with_new_name(names, entry, before, str(after))
            updated.append(names.save_text(entry.address, text, modified=entry.modified))
        except RhError as error:
            left.append((entry, str(error).rstrip(".")))
    return Renaming(tuple(updated), tuple(left))


def naming_text(documents: Sequence[Entry], name: Name) -> str:
    """One sentence about who names something: "2 documents name ~/deps: ~/train and /alice/eval."; empty: nobody."""
    if not documents:
        return ""
    if len(documents) == 1:
        return f"{documents[0].name} names {name}."
    return f"{len(documents)} documents name {name}: {listed(documents)}."


def listed(documents: Sequence[Entry]) -> str:
    """Their names, the first few of many."""
    shown = [entry.name for entry in documents[:_LISTED]]
    more = [f"{len(documents) - _LISTED} more"] if len(documents) > _LISTED else []
    *first, last = [*shown, *more]
    return f"{', '.join(first)} and {last}" if first else last


@dataclass(frozen=True, slots=True)
class Hidden:
    """A resource that some who may load a document which names it may not read.

    Attributes:
        document: the name of the document.
        name: that of the resource.
        who: the users and groups.
    """

    document: str
    name: str
    who: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.document} names {self.name}, which {' and '.join(self.who)} may not read."


def hidden_from(names: ResourceNames, documents: Iterable[Entry], who: Iterable[str] | None = None) -> list[Hidden]:
    """What of one's own that documents of the registry name others may not read; asks the registry.

    Who is in which group is not known here, so of what is shared with any group nothing is said of users.

    Args:
        names: where they are kept.
        documents: those that others may load.
        who: these users and groups; None: all who may read the document.
    """
    state, known = names.registry, dict[Address, frozenset[str] | None]()
    if state is None or not state.online:
        return []
    user, found = state.user, []
    for entry in documents:
        if entry.document is None or entry.address.place != "registry":
            continue
        for address in sorted(_named_by(names, entry, user), key=str):
            if address.place == "registry" and address.parts[0] == user:
                wanted = who if who is not None else sorted(_readers(names, names.resolve(entry.address), known) or ())
                readers = _readers(names, address, known) if wanted else None
                if readers is not None and (without := tuple(each for each in wanted if not _may_read(each, readers))):
                    found.append(Hidden(entry.name, str(address), without))
    return found


def _readers(
    names: ResourceNames, address: Address, known: dict[Address, frozenset[str] | None]
) -> frozenset[str] | None:
    """Who, besides the user, may read a resource; None: there is none, or the registry cannot be asked."""
    if address not in known:
        known[address] = None
        with suppress(RhError):
            access, state = names.access(address), names.registry
            owner = f"@{access.owner}" if state is not None and access.owner in state.groups else access.owner
            known[address] = frozenset({owner, *(grant.who for grant in access.grants)} - {_user(names)})
    return known[address]


def _may_read(who: str, readers: frozenset[str]) -> bool:
    in_a_group = not who.startswith("@") and any(each.startswith("@") for each in readers)
    return who in readers or "@everyone" in readers or in_a_group


def whole_text(entry: Entry, folder: str) -> str:
    """Its text with bare names made whole, as they are meant in `folder`, where it was before."""
    if entry.document is None or folder == entry.address.folder:
        return entry.text
    return update_text(entry.text, parse_document(entry.text).in_folder(folder))


@contextmanager
def named_in(names: ResourceNames, document: str, name: str) -> Iterator[None]:
    """Say, where `name` leads nowhere, which document names it; an empty `document` is none with a name."""
    try:
        yield
    except (NotFound, NoRegistry, UsageError) as error:
        if document:
            error.sentence = f"{error.sentence.rstrip('.')}; {document} names it."
            if isinstance(error, NotFound) and (not name.startswith("/") or name.startswith(f"/{_user(names)}/")):
                error.remedy = f"{error.remedy} If it was renamed: rhdesk mv {name} NEW --update".strip()
        raise


def _user(names: ResourceNames) -> str:
    state = names.registry
    return state.user if state is not None else ""


def _is_mine(entry: Entry, user: str) -> bool:
    """Whether `~/` in it means this computer."""
    return entry.address.place != "registry" or (entry.modified_by == user and entry.address.parts[0] == user)


def _named_by(names: ResourceNames, entry: Entry, user: str) -> set[Address]:
    found = set()
    for name in names_in(entry.require()):
        with suppress(RhError):
            address = names.resolve(name)
            if address.place != "local" or _is_mine(entry, user):
                found.add(address)
    return found


def _why_left(entry: Entry, new: Address, user: str) -> str:
    if entry.read_only:
        return "you may only read it"
    return _THEIR_COMPUTER if new.place == "local" and not _is_mine(entry, user) else ""


def _with_new_name(names: ResourceNames, entry: Entry, old: Address, new: str) -> str:
    """Its text with the new name; a line that says it keeps its comment, too, unless it is written oddly."""
    document, folder = parse_document(entry.text), entry.address.folder
    written = {name for name in names_in(document) if names.resolve(Address.parse(name, folder)) == old}
    wanted, text = document.with_names(lambda name: new if name in written else name), entry.text
    for name in written:
        text = re.sub(_PLACE + re.escape(name) + _END, lambda found: f"{found[1]}{new}", text, flags=re.MULTILINE)
    try:
        if parse_document(text) == wanted:
            return text
    except DocumentError:
        pass
    return update_text(entry.text, wanted)
