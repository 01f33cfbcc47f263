"""`python -m rhserver.registry`, which `rhdesk registry` starts."""

from __future__ import annotations

import importlib.util
import sys

_NEEDED = ("alembic", "fastapi", "httptools", "psycopg", "sqlalchemy", "uvicorn")


def main() -> int:
    """Run one command; the exit code. Says what to install where the extra is missing."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f"Error: A registry cannot be run here: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} "
            "not installed.\n       Install them with: pip install 'rhdesk[registry]'",
            file=sys.stderr,
        )
        return 1
    from rhserver.registry.commands import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
