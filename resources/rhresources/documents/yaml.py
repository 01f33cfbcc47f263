"""YAML text into plain values with the line of each, and edits to YAML text that keep its comments.

Reading is defensive: a document may come from anyone. Only plain values are built, a key may stand once, text that is
too long, too deep or that unfolds through aliases is refused, and what a field wants as text arrives as it was
written (`python: 3.10` is "3.10", not 3.1).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import yaml

from rhresources.errors import DocumentError

SIZE_LIMIT = 1024 * 1024
"""Longest document, in bytes."""

_DEPTH_LIMIT = 50  # the C parser recurses and would crash the process on a few ten thousand brackets
_VALUES_LIMIT = 200_000  # counted with every alias unfolded

_NUMBER_LIMIT = 200  # characters; PyYAML takes time by the square of a number's length
_NUMBERS = frozenset({"tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp"})
_EDIT_LIMIT = 256 * 1024  # characters; ruamel.yaml takes some 15 seconds for a million
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")

_ENDLESS = {
    "could not find expected ':'": "this line has no ':'",
    "found unexpected end of stream": "a quote that begins here is not closed",
}

FieldPath = tuple[str | int, ...]
"""Where something is in a document: keys, and positions in lists."""

_BaseLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document before validation.

    Attributes:
        value: dicts, lists and scalars.
        lines: the line, counted from 1, of each key or item by its path; `()` is the document itself.
    """

    value: Any
    lines: Mapping[FieldPath, int]

    def line(self, path: FieldPath) -> int | None:
        """The line of `path`, or of the nearest thing around it that has one."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return None


class _Loader(_BaseLoader):  # type: ignore[misc]
    """PyYAML's safe loader; a scalar that cannot be built says where it is."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, OverflowError) as error:
            message = "a number is too long" if "limit" in str(error) else str(error)
            raise yaml.constructor.ConstructorError(None, None, message, node.start_mark) from None


def load(text: str, *, source: str | None = None, text_paths: frozenset[str] = frozenset()) -> Loaded:
    """Read one YAML document.

    Args:
        text: at most `SIZE_LIMIT` bytes.
        source: what messages call the document, a name or a path.
        text_paths: the fields that want text, as "a", "a.b", "a[]" or "a.*"; their scalars are not converted.

    Raises:
        DocumentError: not one plain YAML document; with its line.
    """
    # what is far too long is not even encoded
    size = len(text) if len(text) > SIZE_LIMIT else len(text.encode("utf-8", "surrogatepass"))
    if size > SIZE_LIMIT:
        raise problem(f"the document is {size:,} bytes long; {SIZE_LIMIT:,} are allowed", source=source)
    if found := _HALF_CHARACTER.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise problem(f"the character {found.group()!a} may not stand in YAML", source=source, line=line)
    try:
        _check_events(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return Loaded(None, {(): 1})
            lines: dict[FieldPath, int] = {}
            _check_size(node)
            _walk(node, (), "", text_paths, lines)
            return Loaded(loader.construct_document(node), lines)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise _translated(error, source) from None


def problem(
    message: str, *, source: str | None = None, line: int | None = None, path: str = "", remedy: str = ""
) -> DocumentError:
    """A DocumentError with one problem; the sentence says source, line and field."""
    where = f"line {line}" if line is not None else ""
    head = ", ".join(part for part in (source, where) if part)
    sentence = ": ".join(part for part in (head, path, message) if part)
    sentence = sentence[0].upper() + sentence[1:] if not (source or path) else sentence
    end = "" if sentence.endswith(("?", ".", "!")) else "."
    return DocumentError(sentence + end, problems=[(path, message, line)], remedy=remedy)


def dump(value: Mapping[str, Any]) -> str:
    """Tidy YAML: the given order, lists and mappings in blocks, text of several lines as it reads."""
    return yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=120, indent=2
    )


def edit(text: str, changes: Mapping[str, Any], removed: frozenset[str] = frozenset()) -> str:
    """`text` with top-level keys set or taken out; comments, order, quotes and everything else stay.

    Args:
        text: a YAML mapping, or nothing.
        changes: new plain values by key.
        removed: keys to take out.

    Raises:
        DocumentError: the text is too long to be edited without losing its comments.
    """
    if len(text) > _EDIT_LIMIT:
        raise problem(
            f"the document of {len(text):,} characters is too long to be changed field by field",
            remedy="Change its text instead.",
        )
    # loaded here because only editing needs it, and it is slow to import
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.util import load_yaml_guess_indent

    editor = YAML(typ="rt")
    editor.preserve_quotes = True
    editor.width = 4096  # long lines of the user stay whole
    tree = editor.load(text)
    if not isinstance(tree, CommentedMap):
        comments = text if text.strip() else ""
        return (comments if not comments or comments.endswith("\n") else f"{comments}\n") + dump(changes)
    _, indent, offset = load_yaml_guess_indent(text)
    editor.indent(mapping=_indent(text), sequence=indent or 4, offset=2 if offset is None else offset)
    for key in removed:
        tree.pop(key, None)
    for key, value in changes.items():
        tree[key] = _merged(tree.get(key), value)
    out = io.StringIO()
    editor.dump(tree, out)
    return out.getvalue()


def _indent(text: str) -> int:
    """By how much the first mapping inside the mapping is set in; 2 if there is none."""
    before = ""
    for line in text.splitlines():
        inside = re.match(r"( +)[^\s#-]", line)
        if inside and re.match(r"[^\s#-]", before) and before.partition(" #")[0].rstrip().endswith(":"):
            return len(inside[1])
        before = line
    return 2


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper with lists set in under their key, and no aliases."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def _merged(old: Any, new: Any) -> Any:
    """`new`, written into `old` where both are mappings or lists, so that comments inside stay."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq
    from ruamel.yaml.scalarstring import LiteralScalarString

    if isinstance(old, CommentedMap) and isinstance(new, Mapping):
        for key in [key for key in old if key not in new]:
            del old[key]
        for key, value in new.items():
            old[key] = _merged(old.get(key), value)
        return old
    if isinstance(old, CommentedSeq) and isinstance(new, list):
        following = _take_following(old)
        before = [str(item) for item in old]
        for kind, start, end, first, last in reversed(
            SequenceMatcher(a=before, b=[str(item) for item in new], autojunk=False).get_opcodes()
        ):
            if kind == "equal":
                continue
            for index in range(end - 1, start - 1, -1):
                del old[index]
            for index, item in enumerate(new[first:last]):
                old.insert(start + index, item)
        _put_following(old, following)
        return old
    if type(old) is type(new) and old == new:
        return old
    return LiteralScalarString(new) if isinstance(new, str) and "\n" in new else new


def _take_following(items: Any) -> str:
    """Take the lines after a list, which the editor hangs on its last item, off that item."""
    tokens = items.ca.items.get(len(items) - 1)
    if not tokens or tokens[0] is None:
        return ""
    own, _, following = tokens[0].value.partition("\n")
    tokens[0].value = f"{own}\n"
    if not own:
        del items.ca.items[len(items) - 1]
    return str(following)


def _put_following(items: Any, following: str) -> None:
    """Hang the lines after a list on what is its last item now."""
    from ruamel.yaml.error import CommentMark
    from ruamel.yaml.tokens import CommentToken

    if not following or not items:
        return
    tokens = items.ca.items.setdefault(len(items) - 1, [None, None, None, None])
    if tokens[0] is None:
        tokens[0] = CommentToken(f"\n{following}", CommentMark(0), None)
    else:
        tokens[0].value = f"{tokens[0].value.rstrip()}\n{following}"


def _check_events(text: str) -> None:
    """Refuse what is too deep or too much before anything is built of it."""
    depth = values = 0
    for event in yaml.parse(text, Loader=_BaseLoader):
        mark: Any = event.start_mark
        values += isinstance(event, yaml.NodeEvent)
        if values > _VALUES_LIMIT:
            raise yaml.MarkedYAMLError(problem=f"it has more than {_VALUES_LIMIT:,} values", problem_mark=mark)
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
            if depth > _DEPTH_LIMIT:
                raise yaml.MarkedYAMLError(
                    problem=f"it is nested more than {_DEPTH_LIMIT} levels deep", problem_mark=mark
                )
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value


def _check_size(root: yaml.Node) -> None:
    """Refuse a document that holds itself, or that aliases unfold into more than `_VALUES_LIMIT` values."""
    sizes: dict[int, tuple[int, int]] = {}
    open_nodes: set[int] = set()

    def refuse(message: str, node: Any) -> yaml.YAMLError:
        return yaml.MarkedYAMLError(problem=message, problem_mark=node.start_mark)

    def measure(node: yaml.Node) -> tuple[int, int]:
        """Values and levels of `node`. An alias points backwards, so this never recurses deeper than the text."""
        if (known := sizes.get(id(node))) is not None:
            return known
        if id(node) in open_nodes:
            raise refuse("an alias leads back to what holds it", node)
        open_nodes.add(id(node))
        values, depth = 1, 0
        for child in _children(node):
            more, below = measure(child)
            values, depth = values + more, max(depth, below + 1)
        open_nodes.discard(id(node))
        if values > _VALUES_LIMIT or depth > _DEPTH_LIMIT:
            raise refuse("its aliases unfold into too much", node)
        sizes[id(node)] = values, depth
        return values, depth

    measure(root)


def _walk(
    node: yaml.Node, path: FieldPath, pattern: str, text_paths: frozenset[str], lines: dict[FieldPath, int]
) -> None:
    """Note lines, refuse keys that stand twice, and leave the scalars of text fields as they were written."""
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.ScalarNode):
        # plain text without quotes has no style; an empty one is null and stays so
        if pattern in text_paths and not node.style and node.tag != "tag:yaml.org,2002:null":
            node.tag = "tag:yaml.org,2002:str"
        elif node.tag in _NUMBERS and len(node.value) > _NUMBER_LIMIT:
            raise yaml.MarkedYAMLError(problem="a number is too long", problem_mark=node.start_mark)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*path, index), f"{pattern}[]", text_paths, lines)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be plain text", problem_mark=key.start_mark)
            name = str(key.value)
            if name in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {name!r} stands twice (first in line {seen[name]})", problem_mark=key.start_mark
                )
            seen[name] = line
            if key.tag != "tag:yaml.org,2002:merge":
                key.tag = "tag:yaml.org,2002:str"
            lines[(*path, name)] = line
            below = f"{pattern}.{name}" if pattern else name
            _walk(value, (*path, name), f"{pattern}.*" if f"{pattern}.*" in text_paths else below, text_paths, lines)


def _translated(error: yaml.YAMLError, source: str | None) -> DocumentError:
    if isinstance(error, yaml.MarkedYAMLError):
        mark: Any = error.problem_mark or error.context_mark
        if error.problem in _ENDLESS and error.context_mark:
            mark = error.context_mark  # where it begins, not where the search for its end gave up
        line = mark.line + 1 if mark else None
        message = _plain(str(error.problem or error.context or "this is not YAML"))
        return problem(message, source=source, line=line, remedy="")
    if isinstance(error, yaml.reader.ReaderError):
        return problem(f"the character {chr(error.character)!r} may not stand in YAML", source=source)
    return problem(f"this is not YAML: {error}", source=source)


def _plain(message: str) -> str:
    """libyaml's own wording for what people get wrong most, said so that it can be acted on."""
    if "cannot start any token" in message and "\\t" in message:
        return "a tab stands where YAML wants spaces"
    if found := re.search(r"could not determine a constructor for the tag '([^']*)'", message):
        return f"the tag {found[1]!r} is not allowed; only plain values are"
    if message in _ENDLESS:
        return _ENDLESS[message]
    if message in {"did not find expected key", "did not find expected <document start>"}:
        return f"the indentation or a colon is wrong here ({message})"
    if message == "mapping values are not allowed in this context":
        return "a ':' stands where none is expected; put quotes around text that has ': ' in it"
    if message == "found a tab character that violates indentation":
        return "a tab stands where YAML wants spaces"
    if message == "second occurrence":
        return "an anchor of this name stands further up already"
    if message == "but found another document":
        return "a second document begins here; a file holds one"
    return message
