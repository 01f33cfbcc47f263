"""Runs one task: decodes its arguments, calls the function, keeps the outcome.

The outcome of a recorded run is written to the run's folder before the server hears of it, so that it outlives the
server. The files there: `result` (the encoded value), `items/N` and `items/N.txt` (how one reads that is no JSON),
`preview.json`, `preview.png`, `outcome.json`.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
import json
import os
import pickle
import reprlib
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import cloudpickle

from .frames import INLINE_LIMIT

_HERE = os.path.dirname(os.path.abspath(__file__))
_OURS = (_HERE, os.path.dirname(_HERE))
_ITEM_TEXT = 10_000  # characters
_ITEMS_SHOWN = 200
_JSON_TYPES = (str, int, float, bool, type(None))


class Task:
    """What to run. `folder` is where the outcome is kept; without one it only travels in frames."""

    __slots__ = ("arguments", "arguments_path", "folder", "format", "items", "log", "preview", "run", "shown_items")

    def __init__(
        self,
        run: str,
        format: str,
        arguments: bytes = b"",
        *,
        arguments_path: str | None = None,
        folder: str | None = None,
        log: str | None = None,
        preview: bool = False,
    ) -> None:
        self.run = run
        self.format = format
        self.arguments = arguments
        self.arguments_path = arguments_path
        self.folder = folder
        self.log = log
        self.preview = preview
        self.items = 0
        self.shown_items: list[Any] = []  # the first ones, for the preview; what is large or no plain data as text


class Outcome:
    """An encoded value with what the server wants to know of it."""

    __slots__ = ("data", "format", "path", "size", "type")

    def __init__(self, data: bytes, format: str, type: str, size: int, path: str | None = None) -> None:
        self.data = data  # empty where it lies at `path` and is too large for a frame
        self.format = format
        self.type = type
        self.size = size
        self.path = path

    def meta(self) -> bytes:
        if self.format == "pickle" and self.path is None:
            return b""
        return json.dumps({"format": self.format, "path": self.path, "size": self.size, "type": self.type}).encode()


class Executor:
    """Calls functions on the main thread. `send_item(index, outcome)` is told of what a generator yields."""

    def __init__(
        self,
        spill: str,
        fallback_path: list[str],
        send_item: Callable[[int, Outcome], None],
        say_started: Callable[[str], None],
    ) -> None:
        self._spill = spill
        self._fallback_path = fallback_path
        self._send_item = send_item
        self._say_started = say_started
        self._runner: asyncio.Runner | None = None
        self._task: asyncio.Task[Any] | None = None

    def run(self, function: Callable[..., Any], kind: str, task: Task) -> Outcome:
        """The result of `function`; its exceptions pass through."""
        args, kwargs = self._arguments(function, task)
        if task.folder is not None:
            self._say_started(describe_arguments(args, kwargs))
        if kind == "plain":
            value = function(*args, **kwargs)
            if inspect.isgenerator(value):  # a plain function may hand one on
                value = self._drain(value, task)
        elif kind == "generator":
            value = self._drain(function(*args, **kwargs), task)
        elif kind == "coroutine":
            value = self._await(function(*args, **kwargs))
        else:
            value = self._drain(self._iterate(function(*args, **kwargs)), task)
        outcome = self._encode(value, task, "result")
        if task.folder is not None:
            self._keep(task, outcome, value)
        return outcome

    def interrupt(self) -> bool:
        """Cancel the coroutine that runs, if one does."""
        if self._task is not None and not self._task.done():
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)
            return True
        return False

    # ------------------------------------------------------------ arguments

    def _arguments(self, function: Callable[..., Any], task: Task) -> tuple[Any, Any]:
        data = task.arguments
        if task.arguments_path is not None:
            with open(task.arguments_path, "rb") as file:
                if task.format == "pickle":  # reads large values to where they stay, in half the time of a mapping
                    args, kwargs = pickle.load(file)
                    return args, kwargs
                data = file.read()
        if task.format == "pickle":
            args, kwargs = pickle.loads(data)
            return args, kwargs
        given = json.loads(data)
        for path in self._fallback_path:
            if path not in sys.path:
                sys.path.append(path)
        from .arguments import convert

        return convert(function, given["args"], given["kwargs"])

    # ------------------------------------------------------------ coroutines and generators

    def _await(self, awaitable: Any) -> Any:
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(self._watched(awaitable))

    async def _watched(self, awaitable: Any) -> Any:
        self._task = asyncio.current_task()
        try:
            return await awaitable
        finally:
            self._task = None

    def _iterate(self, generator: Any) -> Iterator[Any]:
        try:
            while True:
                try:
                    yield self._await(generator.__anext__())
                except StopAsyncIteration:
                    return
        finally:
            self._await(generator.aclose())

    def _drain(self, items: Iterator[Any], task: Task) -> Any:
        while True:
            try:
                item = next(items)
            except StopIteration as end:
                return end.value
            name = os.path.join("items", str(task.items))
            outcome = self._encode(item, task, name)
            if task.preview and task.folder is not None:
                self._show_item(item, task, name, outcome)
            self._send_item(task.items, outcome)
            task.items += 1

    @staticmethod
    def _show_item(item: Any, task: Task, name: str, outcome: Outcome) -> None:
        from .text import bounded_repr

        assert task.folder is not None
        plain = outcome.format == "json"
        text = "" if plain else bounded_repr(item, _ITEM_TEXT)[0]
        if not plain:
            _write(os.path.join(task.folder, f"{name}.txt"), text.encode("utf-8", "backslashreplace"))
        if task.items < _ITEMS_SHOWN:
            small = outcome.size < _ITEM_TEXT and _is_plain(item)
            task.shown_items.append(item if small else text or bounded_repr(item, _ITEM_TEXT)[0])

    # ------------------------------------------------------------ outcomes

    def _encode(self, value: Any, task: Task, name: str) -> Outcome:
        kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
        if task.format == "json" and _is_plain(value):
            data, format = json.dumps(value, ensure_ascii=False).encode(), "json"
        else:
            try:
                data, format = pickle.dumps(value, protocol=5), "pickle"
                if b"__main__" in data:  # classes of a script must travel by value
                    data = cloudpickle.dumps(value, protocol=5)
            except Exception:
                data = _cloudpickle(value, kind)
                format = "pickle"
        if task.folder is not None:
            path = os.path.join(task.folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            _write(path, data)
            return Outcome(data if len(data) <= INLINE_LIMIT else b"", format, kind, len(data), path)
        if len(data) > INLINE_LIMIT:
            path = os.path.join(self._spill, f"{task.run}-{name.replace(os.sep, '-')}")
            _write(path, data)
            return Outcome(b"", format, kind, len(data), path)
        return Outcome(data, format, kind, len(data))

    def _keep(self, task: Task, outcome: Outcome, value: Any) -> None:
        assert task.folder is not None
        if task.preview:
            from .preview import render

            yielded = task.items and value is None
            shown = render(task.shown_items if yielded else value)
            if yielded and task.items > len(task.shown_items):
                shown["shortened"] = True
            image = shown.pop("image", None)
            if image:
                _write(os.path.join(task.folder, "preview.png"), image)
            _write(os.path.join(task.folder, "preview.json"), json.dumps(shown).encode())
        write_outcome(
            task.folder,
            {"state": "succeeded", "format": outcome.format, "size": outcome.size, "type": outcome.type,
             "items": task.items},
        )


def describe_arguments(args: Any, kwargs: Any) -> str:
    """`1, lr=2e-05`, shortened; never fails."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = 200
    try:
        return ", ".join([*map(short.repr, args), *(f"{name}={short.repr(value)}" for name, value in kwargs.items())])
    except Exception:
        return "..."


def write_outcome(folder: str, outcome: dict[str, Any]) -> None:
    """Leave `outcome.json` for a server that may not be there now."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    _write(os.path.join(folder, "outcome.json"), json.dumps(outcome).encode())


def describe_exception(error: BaseException) -> tuple[dict[str, str], bytes]:
    """Type, message and traceback without frames of the worker; and the exception itself, if it can be pickled."""
    kind = type(error)
    frames = error.__traceback__
    while frames is not None and _is_ours(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    try:
        text = "".join(traceback.format_exception(kind, error, frames))
        message = str(error)
    except Exception:  # a __str__ that raises
        text, message = f"{kind.__qualname__}\n", ""
    plain = kind.__module__ in ("builtins", "rhworker.arguments")
    name = kind.__qualname__ if plain else f"{kind.__module__}.{kind.__qualname__}"
    text = text.replace("rhworker.arguments.ArgumentsError: ", "ArgumentsError: ")
    try:
        pickled = cloudpickle.dumps(error.with_traceback(None), protocol=5)
        cloudpickle.loads(pickled)  # an __init__ with other parameters shows only now
    except Exception:
        pickled = b""
    return {"type": name, "message": message, "traceback": text}, pickled


def _is_ours(file: str) -> bool:
    """Frames between the worker and the user's code: this folder, and the import of the user's module."""
    folder = os.path.dirname(os.path.abspath(file))
    return file.startswith("<frozen importlib") or folder in (*_OURS, os.path.dirname(importlib.__file__))


def _cloudpickle(value: Any, kind: str) -> bytes:
    try:
        return bytes(cloudpickle.dumps(value, protocol=5))
    except Exception as error:
        raise TypeError(f"The result, of type {kind}, cannot be sent back: {error}") from error


def _is_plain(value: Any, depth: int = 0) -> bool:
    """Whether JSON gives back just this value (so no tuples, no NaN, no keys but strings)."""
    if type(value) in _JSON_TYPES:
        return not (type(value) is float and value != value) and value not in (float("inf"), float("-inf"))
    if depth > 50:
        return False
    if type(value) is list:
        return all(_is_plain(item, depth + 1) for item in value)
    if type(value) is dict:
        return all(type(key) is str and _is_plain(item, depth + 1) for key, item in value.items())
    return False


def _write(path: str, data: bytes) -> None:
    temporary = f"{path}.part"
    try:
        with open(temporary, "wb", opener=_private) as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # on a full disk what little fitted is what the rest needs
        raise


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
