"""A user's program that calls a function through the library: `library_caller.py PROJECT`, RH_HOME in the environment.

Each line on standard input asks for a round of that many calls; the answer is the median call in µs.
"""

from __future__ import annotations

import statistics
import sys
import time

from processes import READY

import rhdesk as rh


def main(project: str) -> None:
    sys.path.insert(0, project)
    from functions import nothing  # type: ignore[import-not-found]  # of the project, as a user's own module would be

    function = rh.function(nothing, system="^local", reqs=[])
    function()
    print(READY.decode(), flush=True)
    for line in sys.stdin:
        taken = []
        for _ in range(int(line)):
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
        print(statistics.median(taken) * 1e6, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
