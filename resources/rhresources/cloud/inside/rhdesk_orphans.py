"""Part of SkyPilot's API server: asks the clouds what SkyPilot has made there, and ends what it has forgotten. It runs
in SkyPilot's Python, not in ours.

Every instance of SkyPilot's bears the name of its cluster as a tag. Where its list has no cluster of that name any
more, nobody ends the instance, and it costs. AWS is asked; other clouds are not yet.
"""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import rhdesk_ec2  # type: ignore[import-not-found]  # it lies beside this file, on SkyPilot's path

NAME_TAGS = ("skypilot-cluster-name", "ray-cluster-name")
LABEL = "rhdesk"
_STATES = ("pending", "running", "stopping", "stopped")
_REGIONS_AT_ONCE = 8
_OPTIONS: dict[str, Any] = {"connect_timeout": 10, "read_timeout": 20, "retries": {"total_max_attempts": 2}}


def add_routes(app: Any) -> None:
    """`/rhdesk/instances` lists, `/rhdesk/instances/end` ends; both in threads, as they are no coroutines."""
    app.add_api_route("/rhdesk/instances", instances, methods=["POST"])
    app.add_api_route("/rhdesk/instances/end", end, methods=["POST"])


def instances(said: dict[str, Any]) -> dict[str, Any]:
    """Every instance in AWS that bears a name of SkyPilot's, and whether SkyPilot lists its cluster.

    Args:
        said: `env_vars`: what says as whom the cloud is asked.
    """
    before = _listed()
    try:
        session = _session(said.get("env_vars") or {})
        regions = _regions(session)
    except Exception as error:
        return {"instances": [], "problems": {"": _words(error)}}
    clients = {region: _client(session, region) for region in regions}  # making them is not safe in threads
    found: list[dict[str, Any]] = []
    problems: dict[str, str] = {}

    def ask(region: str) -> None:
        try:
            found.extend(_row(each, region) for each in _there(clients[region]))
        except Exception as error:
            problems[region] = _words(error)

    with ThreadPoolExecutor(_REGIONS_AT_ONCE) as pool:
        list(pool.map(ask, regions))
    listed = before | _listed()  # one that is launched or ended meanwhile is in one of them
    return {"instances": [{**row, "listed": row["cluster"] in listed} for row in found], "problems": problems}


def end(said: dict[str, Any]) -> dict[str, Any]:
    """End the instances of a cluster that SkyPilot does not list, and that bear the label of who asks.

    Args:
        said: `region`, `cluster` as the cloud knows it, `owner`: whose label they have to bear, `ids`, and `env_vars`.
    """
    client = _client(_session(said.get("env_vars") or {}), said["region"])
    if said["cluster"] in _listed():
        return {"ended": [], "refused": "SkyPilot lists this cluster again"}
    there = [_row(each, said["region"]) for each in _there(client)]
    ids = [
        row["id"]
        for row in there
        if row["id"] in said["ids"] and row["cluster"] == said["cluster"] and row["owner"] == said["owner"]
    ]
    if ids:
        try:
            client.terminate_instances(InstanceIds=ids)
        except Exception as error:
            return {"ended": [], "refused": _words(error)}
    return {"ended": ids, "refused": ""}


def _there(client: Any) -> list[dict[str, Any]]:
    """All instances in a region that bear a name of SkyPilot's and are not gone."""
    found: list[dict[str, Any]]
    found, _ = rhdesk_ec2.described(client, {"tag-key": list(NAME_TAGS), "instance-state-name": list(_STATES)})
    return found


def _row(instance: dict[str, Any], region: str) -> dict[str, Any]:
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags") or ()}
    return {
        "id": instance["InstanceId"],
        "region": region,
        "cluster": next((tags[name] for name in NAME_TAGS if tags.get(name)), ""),
        "owner": tags.get(LABEL, ""),
        "state": instance["State"]["Name"],
        "type": instance.get("InstanceType", ""),
        "launched": instance["LaunchTime"].timestamp(),
    }


def _listed() -> set[str]:
    """What the clusters of SkyPilot's list are called in their clouds."""
    from sky import global_user_state

    names = set()
    for record in global_user_state.get_clusters():
        with contextlib.suppress(AttributeError, KeyError):
            names.add(record["handle"].cluster_name_on_cloud)
    return names


def _session(variables: dict[str, str]) -> Any:
    """As whom each of our processes asks; else as SkyPilot's server does."""
    from sky.adaptors import aws

    keys = {
        "aws_access_key_id": variables.get("AWS_ACCESS_KEY_ID"),
        "aws_secret_access_key": variables.get("AWS_SECRET_ACCESS_KEY"),
        "aws_session_token": variables.get("AWS_SESSION_TOKEN"),
    }
    if keys["aws_access_key_id"] and keys["aws_secret_access_key"]:
        return aws.boto3.session.Session(**keys)
    profile = variables.get("AWS_PROFILE") or variables.get("AWS_DEFAULT_PROFILE") or aws.get_workspace_profile()
    return aws.boto3.session.Session(profile_name=profile)


def _client(session: Any, region: str) -> Any:
    from sky.adaptors import aws

    return session.client("ec2", region_name=region, config=aws.botocore_config().Config(**_OPTIONS))


def _regions(session: Any) -> list[str]:
    """Those that the account may use."""
    answer = _client(session, session.region_name or "us-east-1").describe_regions()
    return sorted(region["RegionName"] for region in answer["Regions"])


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]
