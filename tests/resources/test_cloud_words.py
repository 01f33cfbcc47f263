"""From documents to what SkyPilot is asked for, and from its words to ours."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rhresources.cloud import reading
from rhresources.cloud.address import check_server_address
from rhresources.cloud.hardware import Hardware, parse_hardware
from rhresources.cloud.identity import identity
from rhresources.cloud.limits import why_not
from rhresources.cloud.narration import Narration
from rhresources.cloud.plain_words import plain_line
from rhresources.cloud.problems import CloudProblem
from rhresources.cloud.task import autostop_of, sky_name, task_of
from rhresources.documents import ClusterDocument, parse_document
from rhresources.errors import DocumentError, UsageError
from rhresources.settings import Settings

VALID_NAME = re.compile(r"[a-zA-Z]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?")  # SkyPilot's own rule


def document(**said: object) -> ClusterDocument:
    made = parse_document({"kind": "cluster", "type": "cloud", **said})
    assert isinstance(made, ClusterDocument)
    return made


def task(home: Path, **said: object) -> dict[str, object]:
    made = yaml.safe_load(task_of(document(**said), Settings(), home))
    assert isinstance(made, dict)
    return made


@pytest.mark.parametrize(
    ("text", "hardware"),
    [
        ("m5.xlarge", Hardware(instance_type="m5.xlarge")),
        ("n2-standard-8", Hardware(instance_type="n2-standard-8")),
        ("Standard_D8s_v5", Hardware(instance_type="Standard_D8s_v5")),
        ("gpu_1x_a100", Hardware(instance_type="gpu_1x_a100")),
        ("CPU:8+", Hardware(cpus="8+")),
        ("cpu:4", Hardware(cpus="4")),
        ("A100:4", Hardware(accelerator="A100", count=4)),
        ("A100", Hardware(accelerator="A100")),
        ("A100-80GB:8", Hardware(accelerator="A100-80GB", count=8)),
        ("V100", Hardware(accelerator="V100")),
        ("tpu-v2-8", Hardware(accelerator="tpu-v2-8")),
    ],
)
def test_what_hardware_is_asked_for(text: str, hardware: Hardware) -> None:
    assert parse_hardware(text) == hardware


@pytest.mark.parametrize("text", ["A100:4+", "CPU:0", "A100:0"])
def test_hardware_that_cannot_be_asked_for(text: str) -> None:
    with pytest.raises(CloudProblem) as caught:
        parse_hardware(text)
    assert (caught.value.code, caught.value.field) == ("no-such-hardware", "instance_type")
    assert caught.value.remedy


def test_the_task_of_a_document(tmp_path: Path) -> None:
    made = task(
        tmp_path, instance_type="A100:4", num_instances=2, provider="aws", region="us-east-1", use_spot=True,
        autostop_mins=15, image_id="ami-1", disk_size=100, labels={"team": "vision"},
    )  # fmt: skip
    assert made == {
        "num_nodes": 2,
        "resources": {
            "infra": "aws/us-east-1", "accelerators": "A100:4", "use_spot": True, "image_id": "ami-1",
            "disk_size": 100, "autostop": {"idle_minutes": 15, "down": True, "wait_for": "jobs"},
            "labels": {"team": "vision", "rhdesk": identity(tmp_path)},
        },
    }  # fmt: skip


def test_that_the_cheapest_cloud_and_a_region_go_together(tmp_path: Path) -> None:
    resources = task(tmp_path, instance_type="CPU:8+", region="eu-west-1")["resources"]
    assert isinstance(resources, dict)
    assert (resources["infra"], resources["cpus"]) == ("*/eu-west-1", "8+")


def test_that_autostop_is_on_unless_somebody_says_never() -> None:
    assert autostop_of(document(instance_type="A100"), Settings()) == (60, False)
    assert autostop_of(document(instance_type="A100", autostop_mins=-1), Settings()) == (-1, False)
    assert autostop_of(document(instance_type="A100", autostop_mins=0), Settings()) == (1, False)
    assert autostop_of(document(instance_type="A100", autostop_down=True), Settings()) == (60, True)


def test_that_what_cannot_stop_goes_away_instead() -> None:
    assert autostop_of(document(instance_type="A100", provider="slurm"), Settings()) == (60, True)
    assert autostop_of(document(instance_type="A100", provider="aws", use_spot=True), Settings()) == (60, True)
    assert autostop_of(document(instance_type="A100", use_spot=True), Settings()) == (60, True)
    assert autostop_of(document(instance_type="A100", provider="gcp", use_spot=True), Settings()) == (60, False)
    assert autostop_of(document(instance_type="A100", provider="verda"), Settings()) == (-1, False)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"provider": "lambda", "use_spot": True}, "use_spot"),
        ({"provider": "runpod", "num_instances": 2}, "num_instances"),
        ({"provider": "lambda", "image_id": "x"}, "image_id"),
    ],
)
def test_that_what_a_cloud_cannot_is_refused_before_it_is_asked(
    tmp_path: Path, said: dict[str, object], field: str
) -> None:
    with pytest.raises(CloudProblem) as caught:
        task(tmp_path, instance_type="A100", **said)
    assert (caught.value.code, caught.value.field) == ("not-supported", field)


def test_limits_have_reasons() -> None:
    assert why_not("aws", "stop") == ""
    assert "spot" in why_not("AWS", "stop", spot=True)
    assert why_not("slurm", "stop") == why_not("Slurm", "autostop") != ""
    assert why_not("slurm", "autostop_down") == ""
    assert why_not("", "stop") == why_not("cheapest", "spot") == ""


@given(st.from_regex(r"(~|@|/[a-z]{1,8})(/[\w. -]{1,40}){1,4}", fullmatch=True))
def test_that_every_address_has_a_name_that_skypilot_takes(address: str) -> None:
    name = sky_name(address, HOME)
    assert VALID_NAME.fullmatch(name)
    assert len(name) <= 31
    assert name == sky_name(address, HOME)


HOME = Path("/tmp")


@pytest.fixture(autouse=True, scope="module")
def _home(tmp_path_factory: pytest.TempPathFactory) -> None:
    global HOME
    HOME = tmp_path_factory.mktemp("home")


def test_that_names_do_not_meet(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    assert len({sky_name(each, one) for each in ("~/a-b", "~/a/b", "~/a.b", "~/A-B", "@/a-b", "/x/a-b")}) == 6
    assert sky_name("~/gpu", one) != sky_name("~/gpu", other), "two people's own ones on a team's server"
    assert sky_name("^rh-v100", one) != sky_name("^rh-v100", other), "a built-in name is everybody's"
    assert sky_name("/team/gpu", one) == sky_name("/team/gpu", other), "a team's one is the same for all"


@pytest.mark.parametrize(
    "said",
    [
        {"labels": {"Team": "x"}},
        {"labels": {"rhdesk": "x"}},
        {"labels": {"team": "With Space"}},
        {"disk_size": 0},
    ],
)
def test_that_documents_refuse_what_clouds_would(said: dict[str, object]) -> None:
    with pytest.raises(DocumentError):
        document(instance_type="A100", **said)


@pytest.mark.parametrize("value", ["", "https://sky.example.org", "http://127.0.0.1:46580", "https://h/team"])
def test_addresses_of_servers(value: str) -> None:
    assert check_server_address(value) == value


@pytest.mark.parametrize("value", ["sky.example.org", "ftp://x", "https://", "https://h:99999", "https://h?x=1"])
def test_what_is_no_address_of_a_server(value: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_server_address(value)
    assert caught.value.remedy


def test_that_a_password_in_an_address_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        Settings.change(tmp_path, skypilot_server="https://ann:hunter2@sky.example.org")
    assert "hunter2" not in str(caught.value)
    assert "keyring" in str(caught.value)


def test_that_lines_for_terminals_become_plain() -> None:
    assert plain_line('<sky-payload>"<rich_update>[bold cyan]Launching[/] </rich_update>"</sky-payload>') == "Launching"
    assert plain_line('<sky-payload>"<rich_stop></rich_stop>"</sky-payload>') == ""
    assert plain_line("\x1b[36m⚙︎ Launching on Kubernetes.\x1b[0m  View logs: sky logs --provision x") == (
        "Launching on Kubernetes."
    )


@given(st.text(max_size=200))
def test_that_no_line_breaks_the_narration(line: str) -> None:
    Narration().hear(line)


CHECK = """Checking credentials to enable infra for SkyPilot.
\x1b[32m  AWS: enabled [compute, storage]\x1b[0m
\x1b[2m  Azure: disabled \x1b[0m
    Reason [compute, storage]: ~/.azure/msal_token_cache.json does not exist. Run the following commands:
      $ az login
      $ az account set -s <subscription_id>
    For more info: https://docs.microsoft.com/azure
  Cloudflare: disabled
    Reason [storage]: [r2] profile is not set.
  DO: disabled
    Reason [compute]: Traceback (most recent call last):
      File "do.py", line 24, in check
    ModuleNotFoundError: No module named 'azure'
  Nebius: enabled [storage]
🎉 Enabled infra 🎉
  AWS [compute, storage]
"""


def test_what_a_check_says() -> None:
    checks = {check.cloud: check for check in reading.checks_of(CHECK, frozenset({"aws"}))}
    assert list(checks) == ["aws", "azure", "do", "nebius"], "the enabled first, and none that only stores"
    assert (checks["aws"].enabled, checks["nebius"].enabled) == (True, False)
    assert checks["azure"].reason == "~/.azure/msal_token_cache.json does not exist."
    assert "az login" in checks["azure"].remedy
    assert "https://docs.microsoft.com/azure" in checks["azure"].remedy
    assert "Traceback" not in checks["do"].reason
    assert "skypilot[do]" in checks["do"].remedy
    assert "Traceback" in checks["do"].detail


def test_which_clouds_are_enabled() -> None:
    assert reading.enabled_of({"default": {"AWS": ["compute"]}}) == {"aws"}
    assert reading.enabled_of(["AWS", "Slurm"]) == {"aws", "slurm"}
    assert reading.enabled_of({"default": {}}) == frozenset()


@given(
    st.dictionaries(
        st.sampled_from(["name", "status", "autostop", "nodes", "cloud", "labels", "launched_at", "accelerators"]),
        st.none() | st.text(max_size=9) | st.integers() | st.floats(),
    )
)
def test_that_strange_rows_are_read_all_the_same(row: dict[str, object]) -> None:
    row.pop("labels", None)
    assert reading.cluster_of(row).hosts >= 1 or row.get("nodes", 0) != 0
    reading.usage_of(row)


@pytest.mark.parametrize("name", ["../up", "a/b", "", "-x", "a\n", ".", None, 5])
def test_that_names_that_could_be_paths_are_no_clusters(name: object) -> None:
    assert not reading.has_sound_name({"name": name})
    assert reading.has_sound_name({"name": "gpu-7e21ca"})


def test_that_problems_travel() -> None:
    problem = CloudProblem("No.", code="quota", remedy="Ask.", detail="x", field="region")
    again = pickle.loads(pickle.dumps(problem))
    assert (again.code, again.field, again.remedy, str(again)) == ("quota", "region", "Ask.", "No. Ask.")
    assert json.dumps(again.code)
