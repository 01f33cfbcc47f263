"""A team's SkyPilot server: everything goes without SkyPilot on this computer, or is refused in one sentence."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.skypilot_http import COST_ROW, STATUS_ROW, SkyPilotHttp

from rhresources.cloud.client import ApiSkyPilot
from rhresources.cloud.problems import CloudProblem
from rhresources.cloud.server_problems import credential_subject
from rhresources.credentials import Credentials
from rhresources.settings import Settings

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"


class Handle:
    """What SkyPilot pickles, as far as we look at it."""

    def __init__(self) -> None:
        self.stable_internal_external_ips = [("10.0.0.4", "54.1.2.3"), ("10.0.0.5", "54.1.2.4")]
        self.stable_ssh_ports = [22, 22]
        self.launched_nodes = 2


ROW = {
    **STATUS_ROW,
    "handle": base64.b64encode(pickle.dumps(Handle())).decode(),
    "credentials": {"ssh_user": "ubuntu", "ssh_private_key_content": KEY},
}


@pytest.fixture
def server() -> Iterator[SkyPilotHttp]:
    running = SkyPilotHttp()
    running.answers |= {"/status": [ROW], "/cost_report": [COST_ROW], "/check": {"default": {"AWS": ["compute"]}}}
    yield running
    running.close()


@pytest.fixture
async def skypilot(server: SkyPilotHttp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ApiSkyPilot:
    # to ask for the environment would say so, as it is nowhere
    monkeypatch.setenv("RH_SKYPILOT_ENVIRONMENT", str(tmp_path / "nowhere"))
    Settings.change(tmp_path, skypilot_server=server.url)
    return ApiSkyPilot(tmp_path)


async def test_that_nothing_of_it_needs_skypilot_here(server: SkyPilotHttp, skypilot: ApiSkyPilot) -> None:
    server.says["/check"] = ["  AWS: enabled [compute]", "  DO: disabled", "    Reason: ModuleNotFoundError: azure"]
    server.answers |= {"/enabled_clouds": ["AWS"], "/list_accelerators": {}, "/cluster_events": []}
    assert (await skypilot.info()).state == "ready"
    assert (await skypilot.ensure()).state == "ready"
    checks = {check.cloud: check for check in await skypilot.checks(refresh=True)}
    assert (checks["aws"].enabled, checks["do"].enabled) == (True, False)
    assert "Ask who runs the server" in checks["do"].remedy
    assert await skypilot.offers("A100:8") == []
    assert [cluster.name for cluster in await skypilot.clusters()] == ["gpu-1a2b3c"]
    assert (await skypilot.launch("gpu-1a2b3c", "resources: {infra: aws}\n", lambda _event: None)).state == "up"
    await skypilot.down("gpu-1a2b3c", lambda _event: None)
    assert len(await skypilot.usage()) == 1
    assert await skypilot.events("gpu-1a2b3c") == []
    hosts = await skypilot.hosts("gpu-1a2b3c")
    assert (hosts.addresses, hosts.inner, hosts.user) == (("54.1.2.3", "54.1.2.4"), ("10.0.0.4", "10.0.0.5"), "ubuntu")
    assert Path(hosts.private_key).read_text() == KEY
    assert hosts.proxy_commands == ()
    await skypilot.close()


@pytest.mark.parametrize(("cloud", "title"), [("kubernetes", "Kubernetes"), ("slurm", "Slurm")])
async def test_that_hosts_that_only_the_server_reaches_are_refused_before_they_cost(
    server: SkyPilotHttp, skypilot: ApiSkyPilot, cloud: str, title: str
) -> None:
    with pytest.raises(CloudProblem) as caught:
        await skypilot.launch("gpu-1a2b3c", f"resources: {{infra: {cloud}/there}}\n", lambda _event: None)
    assert caught.value.code == "not-supported"
    assert title in caught.value.sentence
    assert "/launch" not in server.paths()
    server.answers["/status"] = [{**ROW, "cloud": title}]
    with pytest.raises(CloudProblem) as caught:
        await skypilot.hosts("gpu-1a2b3c")
    assert (caught.value.code, server.url in caught.value.sentence) == ("not-supported", True)
    await skypilot.close()


async def test_that_a_token_never_travels_in_the_open(tmp_path: Path) -> None:
    Settings.change(tmp_path, skypilot_server="http://sky.invalid")
    credentials = Credentials(tmp_path)
    await credentials.put("token", credential_subject("http://sky.invalid"), "sky_secret", session_only=True)
    skypilot = ApiSkyPilot(tmp_path, credentials)
    with pytest.raises(CloudProblem) as caught:
        await skypilot.clusters()
    assert caught.value.code == "server-refused"
    assert "https" in caught.value.remedy
    assert (await skypilot.info()).state == "refused"
    await skypilot.close()


async def test_that_it_is_said_that_a_team_server_knows_of_no_orphans(tmp_path: Path) -> None:
    Settings.change(tmp_path, skypilot_server="http://sky.invalid")
    skypilot = ApiSkyPilot(tmp_path)
    answer = await skypilot.instances()
    assert answer.found == ()
    assert list(answer.not_asked) == ["http://sky.invalid"]
    assert await skypilot.made("gpu-1a2b3c") is None
    await skypilot.close()
