"""SkyPilot's own SDK, in programs that run in its environment: what a user of it would write."""

from __future__ import annotations

import json
from typing import Any

from lab.clouds.skypilot_server import SkyPilotServer

_ANSWER = "ANSWER "

_START = f"""
import json, sys, sky
given = json.loads(sys.argv[1])
def answer(value):
    print({_ANSWER!r} + json.dumps(value), flush=True)
"""

LAUNCH = """
task = sky.Task(name="t", run="echo rank $SKYPILOT_NODE_RANK of $SKYPILOT_NUM_NODES on $(uname -n)", num_nodes=2)
task.set_resources(sky.Resources(infra=given["infra"], cpus=2, memory=8))
job, handle = sky.stream_and_get(
    sky.launch(task, cluster_name=given["name"], idle_minutes_to_autostop=given["autostop"], down=given["down"])
)
code = sky.tail_logs(given["name"], job, follow=True)
answer(code)
"""
"""Two nodes, each of which says its rank; the exit code of that."""

STATUS = """
rows = sky.get(sky.status([given["name"]], refresh=sky.StatusRefreshMode.FORCE))
answer([{"status": row["status"].value, "region": row["region"], "event": row["last_event"]} for row in rows])
"""

DOWN = """
answer(sky.stream_and_get(sky.down(given["name"])))
"""


def ask(server: SkyPilotServer, program: str, **given: Any) -> tuple[Any, str]:
    """Run one of these; its answer, and all that was printed."""
    said = server.run(_START + program, json.dumps(given))
    answers = [line.removeprefix(_ANSWER) for line in said.splitlines() if line.startswith(_ANSWER)]
    return json.loads(answers[-1]), said
