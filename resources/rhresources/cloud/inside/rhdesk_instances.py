"""Part of SkyPilot's API server: writes down when every instance ran, as the cloud itself says. It runs in SkyPilot's
Python, not in ours.

SkyPilot's own times begin when it asks for hosts and end when it knows them gone; a bill is made of what the cloud
says. EC2 keeps only the last launch and the last stop of an instance, and forgets one that was terminated after an
hour. So EC2 is asked at each of SkyPilot's steps: before it starts, stops or ends instances, afterwards, and whenever
it looks how they are. What EC2 answers goes to `instances.sqlite`, which `rhresources.costs.noted` reads.

Nothing that SkyPilot does fails because of this.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sqlite3
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

import rhdesk_ec2  # type: ignore[import-not-found]  # it lies beside this file, on SkyPilot's path

log = logging.getLogger(__name__)

FILE_NAME = "instances.sqlite"
_RUNNING = ("pending", "running")
_NEW = 600.0  # seconds in which EC2 may not have listed an instance yet
_AGAIN_AFTER = 2.0  # seconds in which a look that shows nothing new need not be taken again
_TABLES = """
CREATE TABLE IF NOT EXISTS instances (
    instance TEXT NOT NULL, launched REAL NOT NULL, cluster TEXT NOT NULL, region TEXT NOT NULL, seen REAL NOT NULL,
    ended REAL, missed REAL, PRIMARY KEY (instance, launched)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clusters (on_cloud TEXT PRIMARY KEY, cluster TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unasked (cluster TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clock (
    id INTEGER PRIMARY KEY, cloud REAL NOT NULL, wall REAL NOT NULL, steady REAL NOT NULL, boot TEXT NOT NULL
);
"""


def watch(folder: str) -> None:
    """Write down in `folder` what becomes of EC2's instances from now on, in this process."""
    from sky import provision

    before = provision.get_registered_provisioner("aws")
    watched = WatchedEc2(Notes(os.path.join(folder, FILE_NAME)), before.module if before else None)
    provision.register_provisioner("aws", watched, template_override=before.template_override if before else None)


class WatchedEc2:
    """SkyPilot's steps at EC2, with a look before and after them. What is not here is SkyPilot's, or another plugin's.

    Args:
        before: what another plugin has put in the place of SkyPilot's own.
    """

    def __init__(self, notes: Notes, before: Any = None) -> None:
        self._notes = notes
        self._before = before
        self._looked: dict[str, tuple[object, float]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__.get("_before"), name)

    def run_instances(self, region: str, cluster_name: str, cluster_name_on_cloud: str, config: Any) -> Any:
        """Make or start them. When those that are started again were stopped is forgotten by that."""
        self._look(cluster_name_on_cloud, region, cluster_name)
        try:
            return self._own("run_instances")(region, cluster_name, cluster_name_on_cloud, config)
        finally:
            self._look(cluster_name_on_cloud, region, cluster_name)

    def wait_instances(self, region: str, cluster_name_on_cloud: str, state: Any) -> Any:
        """Wait until they run. EC2 may not list them before."""
        try:
            return self._own("wait_instances")(region, cluster_name_on_cloud, state)
        finally:
            self._look(cluster_name_on_cloud, region)

    def stop_instances(
        self, cluster_name_on_cloud: str, provider_config: dict[str, Any] | None = None, worker_only: bool = False
    ) -> Any:
        """Stop them."""
        try:
            return self._own("stop_instances")(cluster_name_on_cloud, provider_config, worker_only)
        finally:
            self._look(cluster_name_on_cloud, _region(provider_config))

    def terminate_instances(
        self, cluster_name_on_cloud: str, provider_config: dict[str, Any] | None = None, worker_only: bool = False
    ) -> Any:
        """End them. When those that do not run were stopped is forgotten by that."""
        self._look(cluster_name_on_cloud, _region(provider_config))
        try:
            return self._own("terminate_instances")(cluster_name_on_cloud, provider_config, worker_only)
        finally:
            self._look(cluster_name_on_cloud, _region(provider_config))

    def query_instances(
        self, cluster_name: str, cluster_name_on_cloud: str, provider_config: dict[str, Any] | None = None,
        non_terminated_only: bool = True, retry_if_missing: bool = False,
    ) -> Any:  # fmt: skip
        """How they are; SkyPilot asks it again and again while it waits for them to stop."""
        own = self._own("query_instances")
        found = own(cluster_name, cluster_name_on_cloud, provider_config, non_terminated_only, retry_if_missing)
        last, at = self._looked.get(cluster_name_on_cloud, (None, 0.0))
        if last != found or time.monotonic() - at > _AGAIN_AFTER:
            self._look(cluster_name_on_cloud, _region(provider_config), cluster_name)
            self._looked[cluster_name_on_cloud] = (found, time.monotonic())
        return found

    def _own(self, name: str) -> Any:
        if (step := getattr(self._before, name, None)) is not None:
            return step
        from sky.provision import aws

        return getattr(aws, name)

    def _look(self, on_cloud: str, region: str, name: str = "") -> None:
        cluster = ""
        try:
            cluster = self._notes.cluster(on_cloud, _hash(name) if name else "")
            if cluster and region:
                found, cloud, moment = _described(on_cloud, region)
                self._notes.write(cluster, region, found, cloud, moment)
        except Exception as error:
            log.debug("rhdesk: %s cannot be asked when instances ran: %r", region, error)
            with contextlib.suppress(Exception):
                self._notes.unasked(cluster)


class Notes:
    """What was written down. Several processes write; each writes whole looks."""

    def __init__(self, path: str) -> None:
        self._path = path

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        database = sqlite3.connect(self._path, timeout=10.0, isolation_level=None)
        try:
            database.executescript(_TABLES)
            database.execute("BEGIN IMMEDIATE")
            yield database
            database.execute("COMMIT")
        finally:
            database.close()

    def cluster(self, on_cloud: str, hash: str) -> str:
        """SkyPilot's hash of the cluster that EC2 knows by that name; empty: not known."""
        with self._writing() as database:
            if hash:
                database.execute("INSERT OR REPLACE INTO clusters VALUES (?, ?)", (on_cloud, hash))
                return hash
            row = database.execute("SELECT cluster FROM clusters WHERE on_cloud = ?", (on_cloud,)).fetchone()
            return str(row[0]) if row else ""

    def unasked(self, cluster: str) -> None:
        """EC2 did not answer: what is known of the cluster's instances may not be all."""
        with self._writing() as database:
            database.execute("INSERT OR IGNORE INTO unasked VALUES (?)", (cluster,))

    def write(
        self, cluster: str, region: str, found: list[dict[str, Any]], cloud: float, moment: tuple[float, float, str]
    ) -> None:
        """One look.

        Args:
            found: EC2's rows.
            cloud: what time it was, as EC2 says.
            moment: the same by the clocks of here.
        """
        with self._writing() as database:
            known = dict(database.execute("SELECT instance, cluster FROM instances ORDER BY launched"))
            for row in found:
                id, launched = row["InstanceId"], row["LaunchTime"].timestamp()
                state = row["State"]["Name"]
                if id not in known and state in ("shutting-down", "terminated"):
                    continue  # of an earlier cluster of that name, perhaps
                runs = state in _RUNNING
                ended = None if runs else ended_at(row.get("StateTransitionReason") or "")
                if ended is not None and ended < launched:
                    ended = None
                database.execute(
                    "INSERT INTO instances VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                    "seen = max(seen, excluded.seen), ended = coalesce(ended, excluded.ended), "
                    "missed = coalesce(missed, excluded.missed)",
                    (id, launched, known.get(id, cluster), region, cloud if runs else launched, ended,
                     None if runs else cloud),
                )  # fmt: skip
            listed = {row["InstanceId"] for row in found}
            for id, launched in database.execute(
                "SELECT instance, launched FROM instances WHERE cluster = ? AND region = ? AND missed IS NULL "
                "AND launched < ?",
                (cluster, region, cloud - _NEW),
            ).fetchall():
                if id not in listed:
                    database.execute(
                        "UPDATE instances SET missed = ? WHERE instance = ? AND launched = ?", (cloud, id, launched)
                    )
            database.execute("INSERT OR REPLACE INTO clock VALUES (0, ?, ?, ?, ?)", (cloud, *moment))


def ended_at(reason: str) -> float | None:
    """When an instance was stopped or ended, from "User initiated (2026-11-30 04:30:12 GMT)"; None: it does not say."""
    found = re.search(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)", reason)
    if found is None:
        return None
    return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc).timestamp()  # noqa: UP017


def _described(on_cloud: str, region: str) -> tuple[list[dict[str, Any]], float, tuple[float, float, str]]:
    """EC2's rows of a cluster's instances; what time it was there, and here."""
    from sky.adaptors import aws

    # what waits for this is a person's launch
    client = aws.client("ec2", region_name=region, connect_timeout=5, read_timeout=15, total_max_attempts=2)
    found, answers = rhdesk_ec2.described(client, {"tag:ray-cluster-name": [on_cloud]})
    moment = (time.time(), *_steady())
    try:
        cloud = parsedate_to_datetime(answers["date"]).timestamp()
    except (KeyError, TypeError, ValueError):
        cloud = moment[0]
    return found, cloud, moment


def _steady() -> tuple[float, str]:
    """As `rhresources.costs.clock` has it."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
    except OSError:
        return 0.0, ""
    return (time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()), boot


def _hash(name: str) -> str:
    from sky import global_user_state

    return str(global_user_state.get_cluster_hash(name) or "")


def _region(provider_config: dict[str, Any] | None) -> str:
    return str((provider_config or {}).get("region") or "")
