"""Where Python looks for modules of a tree."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from rhresources.errors import ServerProblem


def search_path(tree: Path, inside: str, packages: Iterable[str]) -> list[str]:
    """What goes onto `sys.path`: the folder of the module, the tree, its `src`, then local packages.

    Raises:
        ServerProblem: `inside` leads out of the tree.
    """
    if os.path.isabs(inside) or ".." in Path(inside).parts:
        raise ServerProblem(f"The folder {inside!r} leads out of the code.", code="bad-entry")
    candidates = [tree / inside, tree]
    if (tree / "src").is_dir() and not (tree / "src" / "__init__.py").exists():
        candidates.append(tree / "src")
    return list(dict.fromkeys([*map(str, candidates), *packages]))
