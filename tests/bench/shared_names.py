"""The window on 10,000 names of a registry: whether it moves smoothly while they come, are looked at, and change."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path

from measure import Row
from processes import round_process
from shared import Bench
from windows import OFFSCREEN, WITH_LAB, rows_of_holds

FIRST_TIME = "first"
"""The act `come` of a window that has never heard of the names."""
ACTS = {
    FIRST_TIME: "come for the first time",
    "come": "come again",
    "open": "page is opened",
    "search": "search",
    "filter": "filter of packages",
    "palette": "palette",
    "unfold": "folders open and close",
    "change": "another changes one",
    "burst": "another changes 500",
}


async def shared_names(bench: Bench) -> list[Row]:
    """How long acts on 10,000 names of a registry hold the window, without waits for a processor; peer: with those."""
    from lab.many_names import many_packages
    from lab.registry import RegistryServer
    from lab.registry_filled import fill

    from rhserver.registry.database import Database

    own: dict[str, list[float]] = defaultdict(list)
    whole: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="rhb-", ignore_cleanup_errors=True) as folder:
        registry = RegistryServer(Path(folder), options=["--limit", "token=0"]).start()
        try:
            registry.group("team", "bob", "alice")
            database = Database(registry.database)
            fill(database, "alice", many_packages())
            database.close()
            with registry.client("alice") as alice:
                grants = {"grants": [{"who": "@team", "access": "write"}]}
                alice.put("/v1/resources/alice:access", json=grants).raise_for_status()
            for number in range(bench.rounds(5)):
                user = bench.folder / f"shared-names-{number}"
                (user / "rh").mkdir(parents=True, mode=0o700)
                environment = {
                    **OFFSCREEN, **WITH_LAB, "HOME": str(user), "RH_HOME": str(user / "rh"),
                    "RH_REGISTRY_URL": registry.url, "RH_REGISTRY_TOKEN": registry.token("bob"),
                }  # fmt: skip
                for acts in ([FIRST_TIME], [act for act in ACTS if act != FIRST_TIME]):
                    words = ("window_shared_names.py", registry.token("alice"))
                    async with round_process(*words, environment=environment) as window:
                        for act in acts:
                            own[act].append(await window.round("come" if act == FIRST_TIME else act))
                            whole[act].append(await window.round("whole"))
        finally:
            registry.stop()
    return rows_of_holds({act: f"10,000 names of a registry: {title}" for act, title in ACTS.items()}, own, whole)
