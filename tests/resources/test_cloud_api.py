"""Requests to SkyPilot's server: followed, cancelled with us, repeated where that is safe; and a server's bad days."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.skypilot_http import COST_ROW, STATUS_ROW, Refusal, SkyPilotHttp

from rhresources.cloud import api, patience
from rhresources.cloud.answers import LaunchEvent
from rhresources.cloud.client import ApiSkyPilot
from rhresources.cloud.problems import CloudProblem
from rhresources.cloud.server_problems import credential_subject
from rhresources.credentials import Credentials
from rhresources.settings import Settings


@pytest.fixture
def server() -> Iterator[SkyPilotHttp]:
    running = SkyPilotHttp()
    yield running
    running.close()


@pytest.fixture
def home(tmp_path: Path, server: SkyPilotHttp) -> Path:
    Settings.change(tmp_path, skypilot_server=server.url)
    return tmp_path


async def test_that_clusters_are_read_without_pickles_and_with_their_price(server: SkyPilotHttp, home: Path) -> None:
    server.answers |= {"/status": [STATUS_ROW], "/cost_report": [COST_ROW]}
    skypilot = ApiSkyPilot(home)
    (cluster,) = await skypilot.clusters()
    assert (cluster.name, cluster.state, cluster.hosts, cluster.cloud) == ("gpu-1a2b3c", "up", 2, "aws")
    assert (cluster.instance_type, cluster.hardware) == ("m6i.large", "m6i.large, 2 processors, 8 GB")
    assert cluster.price_per_hour == pytest.approx(0.192)
    assert (cluster.autostop_mins, cluster.autostop_down, cluster.labels) == (60, False, {"rhdesk": "rh6d6826"})
    body = dict(server.asked)["/status"]
    assert (body["include_credentials"], body["include_handle"], body["refresh"]) == (False, False, "NONE")
    await skypilot.clusters(refresh=True)
    assert [body["refresh"] for path, body in server.asked if path == "/status"] == ["NONE", "FORCE", "NONE"]
    await skypilot.close()


async def test_that_a_launch_tells_its_steps_and_its_failover(server: SkyPilotHttp, home: Path) -> None:
    server.answers |= {"/status": [STATUS_ROW], "/cost_report": []}
    server.says["/launch"] = [
        "<sky-payload>\"<rich_update>[dim]Waiting for 'sky.launch' request to be scheduled: 1[/dim]</rich_update>\""
        "</sky-payload>",
        '<sky-payload>"<rich_init>[bold cyan]Optimizing[/]</rich_init>"</sky-payload>',
        " AWS (us-east-1)   m6i.large   2       8         -      0.10          ✔",
        "\x1b[2m⚙︎ Launching on AWS us-east-1 (us-east-1a).\x1b[0m",
        "W 11-30 01:59:28.717 PID=5902 instance.py:415] create_instances: Attempt failed with An error occurred "
        "(InsufficientInstanceCapacity) when calling the RunInstances operation (reached max retries: 0): None here.",
        "AWS handler error: Failed to launch instances. Max attempts exceeded.",
        "↺ Trying other potential resources.",
        "⚙︎ Launching on AWS us-west-2 (us-west-2a).",
        "Something that this version has never said",
        "└── Instances are up.",
        '<sky-payload>"<rich_update>[bold cyan]Preparing SkyPilot runtime (2/3 - dependencies)[/]</rich_update>"'
        "</sky-payload>",
    ]
    told: list[LaunchEvent] = []
    skypilot = ApiSkyPilot(home)
    cluster = await skypilot.launch("gpu-1a2b3c", "resources:\n  autostop: {idle_minutes: 60}\n", told.append)
    assert [event.phase for event in told] == [
        "queued", "choosing", "provisioning", "failover", "failover", "provisioning", "preparing", "preparing",
    ]  # fmt: skip
    assert told[2].offer == "aws us-east-1, m6i.large"
    assert told[3].sentence == "aws us-east-1, m6i.large refused: InsufficientInstanceCapacity: None here."
    assert told[-1].offer == "aws us-west-2, m6i.large"
    assert cluster.state == "up"
    await skypilot.close()


async def test_that_an_autostop_that_got_lost_is_set_again(server: SkyPilotHttp, home: Path) -> None:
    state = {"autostop": -1}
    server.answers["/status"] = lambda _body: [{**STATUS_ROW, **state}]

    def set_autostop(body: dict[str, object]) -> None:
        state["autostop"] = int(str(body["idle_minutes"]))

    server.answers["/autostop"] = set_autostop
    skypilot = ApiSkyPilot(home)
    cluster = await skypilot.launch("gpu-1a2b3c", "resources:\n  autostop: {idle_minutes: 9}\n", lambda _event: None)
    assert cluster.autostop_mins == 9
    assert dict(server.asked)["/autostop"]["wait_for"] == "jobs"
    await skypilot.close()


async def test_that_cancelling_cancels_the_request_and_sees_it_end(server: SkyPilotHttp, home: Path) -> None:
    server.holds["/launch"] = threading.Event()
    skypilot = ApiSkyPilot(home)
    launch = asyncio.create_task(skypilot.launch("gpu-1a2b3c", "resources: {}\n", lambda _event: None))
    await asyncio.to_thread(server.taken.wait, 60)
    launch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await launch
    asked = [request for request, path in server.requests.items() if path == "/launch"]
    assert server.cancelled == asked
    await skypilot.close()


@pytest.mark.parametrize("act", ["stop", "down"])
async def test_that_an_end_goes_on_when_nobody_follows_it(act: str, server: SkyPilotHttp, home: Path) -> None:
    server.holds[f"/{act}"] = threading.Event()
    skypilot = ApiSkyPilot(home)
    ending = asyncio.create_task(getattr(skypilot, act)("gpu-1a2b3c", lambda _event: None))
    await asyncio.to_thread(server.taken.wait, 60)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert server.paths() == [f"/{act}"], "nothing was cancelled there"
    await skypilot.close()


async def test_that_a_launch_whose_answer_was_lost_is_called_off(server: SkyPilotHttp, home: Path) -> None:
    rows = [
        {"request_id": "of-a-launch", "name": "sky.launch", "cluster_name": "gpu-1a2b3c", "status": "PENDING"},
        {"request_id": "of-an-end", "name": "sky.down", "cluster_name": "gpu-1a2b3c", "status": "RUNNING"},
        {"request_id": "of-another", "name": "sky.launch", "cluster_name": "gpu-2", "status": "RUNNING"},
    ]
    server.under_way = lambda: [row for row in rows if row["request_id"] not in server.cancelled]
    skypilot = ApiSkyPilot(home)
    assert await skypilot.call_off("gpu-1a2b3c") == ["of-a-launch"]
    assert await skypilot.call_off("gpu-1a2b3c") == []
    assert server.cancelled == ["of-a-launch"]
    await skypilot.close()


async def test_that_what_the_server_is_at_work_on_is_listed_and_can_be_cancelled(
    server: SkyPilotHttp, home: Path
) -> None:
    shapes = [
        ("skypilot-status-refresh-daemon", "sky.status", "RUNNING", None),
        ("1f3a-launch", "sky.launch", "RUNNING", "gpu-1a2b3c"),
        ("1f3b-down", "sky.down", "PENDING", "gpu-2"),
        ("77aa-done", "sky.check", "SUCCEEDED", None),
    ]

    def rows() -> list[dict[str, object]]:
        return [
            {"request_id": id, "name": name, "cluster_name": cluster, "created_at": 1796000000.5 + at, "user_id": "rh1",
             "user_name": "ann", "status": "CANCELLED" if id in server.cancelled else status, "status_msg": None}
            for at, (id, name, status, cluster) in enumerate(shapes)
        ]  # fmt: skip

    server.under_way = rows
    skypilot = ApiSkyPilot(home)
    listed = await skypilot.requests()
    assert [(each.name, each.state, each.cluster, each.user) for each in listed] == [
        ("check", "done", "", "ann"), ("down", "waiting", "gpu-2", "ann"), ("launch", "running", "gpu-1a2b3c", "ann"),
    ]  # fmt: skip
    assert "request_body" not in server.queries[-1]["fields"], "what was sent with it may hold secrets"
    assert (await skypilot.cancel("1f3a")).state == "cancelled"
    assert server.cancelled == ["1f3a-launch"]
    assert (await skypilot.cancel("77")).state == "done", "and nothing is asked of one that ended"
    assert server.cancelled == ["1f3a-launch"]
    for request, code in (("1f3", "bad-request"), ("9", "not-there")):
        with pytest.raises(CloudProblem) as caught:
            await skypilot.cancel(request)
        assert caught.value.code == code
    server.cancelled.clear()
    server.keeps_on = True
    with pytest.raises(CloudProblem) as caught:
        await skypilot.cancel("1f3b-down")
    assert caught.value.code == "not-supported"
    await skypilot.close()


async def test_that_a_wait_that_is_cut_off_goes_on(server: SkyPilotHttp, home: Path) -> None:
    server.answers["/status"] = []
    server.cut = 2
    skypilot = ApiSkyPilot(home)
    assert await skypilot.clusters() == []
    assert server.paths() == ["/status"], "the request itself is made once"
    await skypilot.close()


async def test_that_a_silent_server_ends_no_launch(
    server: SkyPilotHttp, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "_POLL", 0.5)
    monkeypatch.setattr(api, "_CONNECT", 0.3)
    monkeypatch.setattr(patience, "_WORTH_TELLING", 0.5)
    server.answers |= {"/status": [STATUS_ROW], "/cost_report": [COST_ROW]}
    server.holds["/launch"] = threading.Event()
    server.says["/launch"] = ["└── Instances are up."]
    told: list[LaunchEvent] = []
    silence, speech = asyncio.Event(), asyncio.Event()

    def hear(event: LaunchEvent) -> None:
        told.append(event)
        if "has not answered for" in event.sentence:
            silence.set()
        elif event.sentence == "The instances are up":
            speech.set()

    skypilot = ApiSkyPilot(home)
    launch = asyncio.create_task(skypilot.launch("gpu-1a2b3c", "resources: {}\n", hear))
    await speech.wait()
    server.silent.clear()
    await asyncio.wait([asyncio.create_task(silence.wait()), launch], return_when=asyncio.FIRST_COMPLETED)
    speech.clear()
    server.silent.set()
    await asyncio.wait([asyncio.create_task(speech.wait()), launch], return_when=asyncio.FIRST_COMPLETED)
    server.holds["/launch"].set()
    assert (await launch).state == "up"
    assert server.paths().count("/launch") == 1
    assert told[-1].sentence == "The instances are up", "what is told last is no trouble that is over"
    await skypilot.close()


async def test_that_a_server_that_is_away_after_a_launch_is_waited_for(server: SkyPilotHttp, home: Path) -> None:
    def launched(_body: object) -> None:
        server.unavailable = 6  # more than a single question is asked anew

    server.answers |= {"/launch": launched, "/status": [STATUS_ROW]}
    skypilot = ApiSkyPilot(home)
    assert (await skypilot.launch("gpu-1a2b3c", "resources: {}\n", lambda _event: None)).state == "up"
    await skypilot.close()


async def test_that_a_server_that_stays_silent_is_given_up(
    server: SkyPilotHttp, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "_PATIENCE_TOLD", 1.5)
    server.holds["/down"] = threading.Event()
    skypilot = ApiSkyPilot(home)
    down = asyncio.create_task(skypilot.down("gpu-1a2b3c", lambda _event: None))
    await asyncio.to_thread(server.taken.wait, 60)
    server.unavailable = 10_000
    server.holds["/down"].set()
    server.cut = 1
    with pytest.raises(CloudProblem) as caught:
        await down
    assert caught.value.code == "server-dead"
    await skypilot.close()


async def test_that_clusters_are_shown_whose_cost_is_not_known(server: SkyPilotHttp, home: Path) -> None:
    def refuse(_body: object) -> None:
        raise Refusal("OperationalError", "database is locked")

    server.answers |= {"/status": [STATUS_ROW], "/cost_report": refuse}
    skypilot = ApiSkyPilot(home)
    for _ in range(3):
        (cluster,) = await skypilot.clusters()
        assert (cluster.state, cluster.price_per_hour) == ("up", None)
    assert server.paths().count("/cost_report") == 1, "what failed is not asked for at every look"
    another = {**STATUS_ROW, "name": "gpu-2", "cluster_hash": "d2f9"}
    server.answers |= {"/status": [STATUS_ROW, another], "/cost_report": [COST_ROW]}
    assert [cluster.price_per_hour for cluster in await skypilot.clusters()] == [pytest.approx(0.192), None]
    await skypilot.clusters()
    assert server.paths().count("/cost_report") == 2
    await skypilot.close()


async def test_that_a_launch_is_never_asked_for_twice(server: SkyPilotHttp, home: Path) -> None:
    server.forgets = True
    skypilot = ApiSkyPilot(home)
    with pytest.raises(CloudProblem) as caught:
        await skypilot.launch("gpu-1a2b3c", "resources: {}\n", lambda _event: None)
    assert (caught.value.code, server.paths()) == ("interrupted", ["/launch"])
    await skypilot.close()


async def test_that_a_busy_server_is_asked_again(server: SkyPilotHttp, home: Path) -> None:
    server.answers["/status"] = []
    server.unavailable = 2
    skypilot = ApiSkyPilot(home)
    assert await skypilot.clusters() == []
    await skypilot.close()


@pytest.mark.parametrize(
    ("type_name", "message", "code", "field"),
    [
        ("NoCloudAccessError", "Cloud access is not set up. Run: \x1b[1msky check\x1b[0m", "no-cloud", "provider"),
        ("ResourcesUnavailableError", "Task requires GCP which is not enabled. To enable access, change", "no-cloud",
         "provider"),
        ("InvalidSkyPilotConfigError", "Invalid resources YAML: 'nocloud' does not match '^(?:x)$'. Check problematic "
         "field(s): $.infra", "no-cloud", "provider"),
        ("ValueError", "Invalid region 'mars-1'\nList of supported aws regions: 'us-east-1'", "no-such-region",
         "region"),
        ("ResourcesUnavailableError", "Catalog and kubernetes cluster does not contain any instances satisfying the "
         "request: 1x <Cloud>({'Q9': 4}).\nTo fix: relax", "no-such-hardware", "instance_type"),
        ("ResourcesUnavailableError", "Failed to provision all possible launchable resources.\nVcpuLimitExceeded: You "
         "have requested more vCPU capacity", "quota", "instance_type"),
        ("ResourcesUnavailableError", "Failed to provision all possible launchable resources.\nAuthFailure: AWS was "
         "not able to validate the provided access credentials", "credentials", ""),
        ("ResourcesUnavailableError", "Failed to provision all possible launchable resources.\n"
         "InsufficientInstanceCapacity", "no-capacity", "region"),
        ("ResourcesMismatchError", "Requested resources do not match the existing cluster.", "name-taken", "name"),
        ("NotSupportedError", "Stopping cluster is not supported", "not-supported", ""),
        ("ClusterNotUpError", "Cluster 'x' is not up", "not-up", ""),
    ],
)  # fmt: skip
async def test_that_refusals_have_a_code_a_sentence_and_a_remedy(
    server: SkyPilotHttp, home: Path, type_name: str, message: str, code: str, field: str
) -> None:
    def refuse(_body: object) -> None:
        raise Refusal(type_name, message)

    server.answers["/launch"] = refuse
    skypilot = ApiSkyPilot(home)
    with pytest.raises(CloudProblem) as caught:
        await skypilot.launch("x", "resources: {}\n", lambda _event: None)
    problem = caught.value
    assert (problem.code, problem.field) == (code, field)
    assert problem.sentence.endswith(".")
    assert problem.remedy
    assert "\x1b" not in f"{problem}{problem.detail}"
    assert message.split()[0] in problem.detail
    await skypilot.close()


async def test_that_a_team_server_gets_the_token_from_the_keyring(server: SkyPilotHttp, home: Path) -> None:
    server.token = "Bearer sky_secret"
    credentials = Credentials(home)
    skypilot = ApiSkyPilot(home, credentials)
    info = await skypilot.info()
    assert (info.state, info.owned) == ("refused", False)
    assert credential_subject(server.url) in info.remedy
    with pytest.raises(CloudProblem) as caught:
        await skypilot.clusters()
    assert caught.value.code == "server-refused"
    await credentials.put("token", credential_subject(server.url), "sky_secret", session_only=True)
    server.answers["/status"] = []
    assert await skypilot.clusters() == []
    assert (await skypilot.info()).state == "ready"
    await skypilot.close()


async def test_that_what_says_who_we_are_in_the_cloud_never_goes_to_a_team(
    server: SkyPilotHttp, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalr")
    server.answers["/status"] = []
    skypilot = ApiSkyPilot(home)
    await skypilot.clusters()
    assert set(server.asked[0][1]["env_vars"]) == {"SKYPILOT_USER_ID", "SKYPILOT_USER"}
    await skypilot.close()


@pytest.mark.parametrize(
    ("health", "state"),
    [
        ({"status": "healthy", "api_version": "12", "version": "0.9"}, "version"),
        ({"status": "needs_auth", "api_version": "62"}, "refused"),
        ({"hello": "I am a printer"}, "unreachable"),
    ],
)
async def test_that_another_server_is_told_apart(
    server: SkyPilotHttp, home: Path, health: dict[str, str], state: str
) -> None:
    server.health = health
    skypilot = ApiSkyPilot(home)
    info = await skypilot.info()
    assert info.state == state
    assert info.sentence
    assert info.remedy
    await skypilot.close()


async def test_that_a_team_server_that_is_gone_says_so(server: SkyPilotHttp, home: Path) -> None:
    server.close()
    skypilot = ApiSkyPilot(home)
    assert (await skypilot.info()).state == "unreachable"
    with pytest.raises(CloudProblem) as caught:
        await skypilot.clusters()
    assert caught.value.code == "server-unreachable"
    await skypilot.close()


async def test_that_events_of_a_cluster_that_vanished_are_found(server: SkyPilotHttp, home: Path) -> None:
    def events(body: dict[str, str]) -> list[dict[str, object]]:
        if "cluster_name" in body:
            raise Refusal("ValueError", "Hash for cluster gpu-1a2b3c not found.")
        return [{"reason": "Autodowned", "transitioned_at": 1796000900}] if body["cluster_hash"] == "c1e8" else []

    server.answers |= {"/cluster_events": events, "/cost_report": [{**COST_ROW, "status": None}]}
    skypilot = ApiSkyPilot(home)
    assert await skypilot.events("gpu-1a2b3c") == [(1796000900.0, "Autodowned")]
    (usage,) = await skypilot.usage()
    assert (usage.ended, usage.intervals) == (True, ((1796000000.0, None),))
    await skypilot.close()
