"""An EC2 (with IAM, STS, S3 and the metadata service of instances) for tests: moto, whose instances really run.

Runs with moto's environment in the network of a switch, given ADDRESS PORT FOLDER NODE_HOME, and says "ready".
What tests want of it beside AWS's own API is under /lab/: the list of instances, faults, and acts on instances.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

ADDRESS, PORT, FOLDER, NODE_HOME = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
os.environ["MOTO_AMIS_PATH"] = str(FOLDER / "images.json")  # which moto reads as it is imported
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
os.environ["MOTO_PORT"] = str(PORT)

from moto.iam.models import iam_backends  # noqa: E402
from moto.moto_server.werkzeug_app import (  # noqa: E402
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server  # noqa: E402

from lab.clouds.ec2_machines import ACCOUNT, Machines, backends  # noqa: E402
from lab.clouds.offers import ZONES  # noqa: E402

_CHANGING = {"RunInstances", "StartInstances", "StopInstances", "TerminateInstances"}
_REGION = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/")
_ROLE = "skypilot-v1"

Environ = dict[str, Any]


class Ec2:
    """The WSGI application: faults first, then moto; the machines follow."""

    def __init__(self, machines: Machines) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._machines = machines
        self._faults: list[dict[str, Any]] = []

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith("/lab/"):
            return self._lab(path.removeprefix("/lab/"), environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        said = {name: values[0] for name, values in parse_qs(body.decode("latin-1")).items()}
        action = said.get("Action", "")
        if action and (fault := self._fault(action, said, environ)):
            return _refuse(fault, environ, start_response)
        answer = list(self._moto(environ, start_response))
        if action in _CHANGING:
            self._machines.changed()
        return answer

    def _fault(self, action: str, said: dict[str, str], environ: Environ) -> dict[str, Any] | None:
        found = _REGION.search(environ.get("HTTP_AUTHORIZATION", ""))
        facts = {"action": action, "region": found[1] if found else "", "type": said.get("InstanceType", "")}
        for fault in self._faults:
            if fault["times"] and all(fault[name] in ("", value) for name, value in facts.items()):
                fault["times"] -= 1
                return fault
        return None

    # ------------------------------------------------------------ for tests

    def _lab(self, what: str, environ: Environ, start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        said = json.loads(body) if body else None
        answer: Any = None
        if what == "instances":
            answer = self._machines.list()
        elif what == "faults":
            self._faults = said
        elif what == "console":
            answer = (FOLDER / "disks" / said / "console.log").read_text(errors="replace")
        else:
            self._act(what, said)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]

    def _act(self, what: str, ids: list[str]) -> None:
        if what == "crash":
            for id in ids:
                self._machines.crash(id)
            return
        for _, backend in backends():
            mine = [instance.id for instance in backend.all_instances() if instance.id in ids]
            if mine:
                getattr(backend, f"{what}_instances")(mine)
        self._machines.changed()


def _refuse(fault: dict[str, Any], environ: Environ, start_response: Any) -> Iterable[bytes]:
    found = _REGION.search(environ.get("HTTP_AUTHORIZATION", ""))
    error = f"<Error><Type>Sender</Type><Code>{fault['code']}</Code><Message>{fault['message']}</Message></Error>"
    if found and found[2] == "ec2":
        text = f"<Response><Errors>{error}</Errors><RequestID>lab</RequestID></Response>"
    else:
        text = f"<ErrorResponse>{error}<RequestId>lab</RequestId></ErrorResponse>"
    start_response(f"{fault['status']} Refused", [("Content-Type", "text/xml")])
    return [text.encode()]


def _furnish() -> None:
    """An account as SkyPilot leaves it after its first launch, and networks that do not overlap between regions."""
    iam = iam_backends[ACCOUNT]["aws"]
    iam.create_instance_profile(_ROLE, "/", [])
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }  # fmt: skip
    iam.create_role(_ROLE, json.dumps(trust), "/", None, "", [], 3600)
    iam.add_role_to_instance_profile(_ROLE, _ROLE)
    for number, (region, backend) in enumerate(backends()):
        vpc = backend.get_default_vpc()
        for subnet in list(backend.describe_subnets()):
            backend.delete_subnet(subnet.id)
        names = {zone.zone_id: zone.name for zone in backend.describe_availability_zones()}
        for place, zone in enumerate(ZONES[region]):
            network = f"172.31.{16 * number + place}.0/24"
            subnet = backend.create_subnet(vpc.id, network, availability_zone=names[zone])
            # private: SkyPilot reaches instances by the addresses that the lab gives them
            backend.modify_subnet_attribute(subnet.id, "map_public_ip_on_launch", False)


def main() -> None:
    disks = FOLDER / "disks"
    disks.mkdir()
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60%", "tmpfs", str(disks)], check=True)
    url = f"http://{ADDRESS}:{PORT}"
    variables = {"AWS_ENDPOINT_URL": url, "AWS_EC2_METADATA_SERVICE_ENDPOINT": url}
    _furnish()
    application = Ec2(Machines(disks, NODE_HOME, variables))
    server = make_server(ADDRESS, PORT, application, threaded=True, request_handler=_QuietHandler)
    print("ready", flush=True)
    server.serve_forever()


class _QuietHandler(MotoRequestHandler):
    def log_request(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    main()
