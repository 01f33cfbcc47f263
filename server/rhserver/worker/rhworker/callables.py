"""The functions a worker was told of: found by import or unpickled when they are first called.

Loading waits for the first call so that what a module prints while it is imported lands in the log of that run.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import cloudpickle


class Callables:
    """Functions by the number that the server gave them."""

    def __init__(self) -> None:
        self._entries: dict[int, tuple[dict[str, Any], bytes]] = {}
        self._loaded: dict[int, tuple[Callable[..., Any], str]] = {}

    def tell(self, number: int, entry: dict[str, Any], pickled: bytes) -> None:
        """Remember how to get function `number`."""
        self._entries[number] = (entry, pickled)

    def get(self, number: int) -> tuple[Callable[..., Any], str]:
        """The callable and its kind: "plain", "coroutine", "generator" or "async generator"."""
        found = self._loaded.get(number)
        if found is None:
            entry, pickled = self._entries[number]
            function = _load(entry, pickled)
            found = self._loaded[number] = (function, _kind(function))
        return found


def _load(entry: dict[str, Any], pickled: bytes) -> Callable[..., Any]:
    function: Any
    if "builtin" in entry:
        return {"shell": shell, "python": python}[entry["builtin"]]
    if "module" not in entry:
        function = cloudpickle.loads(pickled)
    else:
        function = importlib.import_module(entry["module"])
        for part in entry["name"].split("."):
            function = getattr(function, part)
    # an old-style handle of the same name (`train = rh.function(train)`) stands in the module in place of the function
    function = getattr(function, "__rh_function__", None) or function
    if not callable(function):
        raise TypeError(f"{entry.get('module', 'the function')}:{entry.get('name', '')} is not callable")
    loaded: Callable[..., Any] = function
    return loaded


def _kind(function: Callable[..., Any]) -> str:
    target = inspect.unwrap(function)
    target = getattr(target, "func", target)
    if not inspect.isroutine(target) and callable(target):
        target = type(target).__call__
    if inspect.isasyncgenfunction(target):
        return "async generator"
    if inspect.isgeneratorfunction(target):
        return "generator"
    if inspect.iscoroutinefunction(target):
        return "coroutine"
    return "plain"


def shell(commands: list[str]) -> list[tuple[int, str, str]]:
    """Run commands with `sh`, one after another; (exit code, output, error output) of each."""
    results = []
    for command in commands:
        process = subprocess.Popen(
            ["sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        kept = io.BytesIO(), io.BytesIO()
        pumps = [
            threading.Thread(target=_pump, args=(pipe, stream, copy), daemon=True)
            for pipe, stream, copy in zip((process.stdout, process.stderr), (sys.stdout, sys.stderr), kept, strict=True)
        ]
        for pump in pumps:
            pump.start()
        try:
            code = process.wait()
        except BaseException:
            process.kill()
            raise
        finally:
            for pump in pumps:
                pump.join(5)
        output, errors = (copy.getvalue().decode(errors="replace") for copy in kept)
        results.append((code, output, errors))
    return results


def _pump(pipe: Any, stream: Any, copy: io.BytesIO) -> None:
    with pipe:
        for line in pipe:
            copy.write(line)
            stream.buffer.write(line)


def python(commands: list[str]) -> list[tuple[int, str, str]]:
    """Run Python statements in one fresh interpreter of this environment; the same triple as `shell`, once."""
    import shlex

    return shell([shlex.join([sys.executable, "-c", "\n".join(commands)])])


def decode_entry(meta: bytes) -> dict[str, Any]:
    """The JSON of a FUNCTION frame."""
    with contextlib.suppress(UnicodeDecodeError):
        return dict(json.loads(meta))
    return {}
