"""How arguments of a function are written on the command line.

`VALUE` and `NAME=VALUE`, where VALUE is JSON if it reads as JSON, else text: `3`, `2e-5`, `true`, `null`, `[1, 2]`,
`{"a": 1}`, `hello`. JSON quotes make text of anything: `'"3"'`, `'"a=b"'`. The worker then converts the values by the
type hints of the function, so that a path or an enum is written as text too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from rhresources.errors import UsageError

_NAMED = re.compile(r"([^\W\d]\w*)=(.*)", re.DOTALL)


def parse_arguments(texts: Sequence[str]) -> tuple[list[Any], dict[str, Any]]:
    """Positional and named arguments.

    Raises:
        UsageError: a name is given twice, or an option is unknown.
    """
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for text in texts:
        if found := _NAMED.fullmatch(text):
            name, value = found.groups()
            if name in kwargs:
                raise UsageError(f"The argument '{name}' is given twice.", remedy="Give it once.")
            kwargs[name] = parse_value(value)
        else:
            args.append(parse_value(text))
    return args, kwargs


def parse_value(text: str) -> Any:
    """JSON if `text` reads as JSON, else `text` itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
    except RecursionError:
        raise UsageError("An argument is nested too deeply to be read as JSON.") from None
