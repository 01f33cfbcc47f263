"""Clusters of Runhouse: hosts of one's own (`Cluster`) and those of SkyPilot (`OnDemandCluster`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rhresources.documents import ClusterDocument, Document
from rhresources.errors import DocumentError
from rhresources.runhouse.values import document_of, text, texts, whole
from rhresources.runhouse.versions import log_ins

_USUAL = {
    "server_connection_type": ("ssh",),
    "server_port": (32300,),
    "launcher": ("local",),
    "den_auth": (False,),
    "visibility": ("private",),
}
"""What version 0.0.42 writes into every cluster; nothing is lost with it."""

_OF_ITS_SERVER = ("server_host", "domain", "client_port", "ssl_certfile", "ssl_keyfile", *_USUAL)
_WITHOUT_COUNTERPART = {
    "memory": "rhdesk asks for processors or GPUs, not for memory",
    "open_ports": "`rhdesk forward` reaches any port without opening it",
    "vpc_name": "SkyPilot's own configuration (~/.sky/config.yaml) says in which network machines are",
    "sky_kwargs": "rhdesk passes nothing on to SkyPilot that it does not know",
    "pool": "rhdesk has no pools",
    "kube_namespace": "SkyPilot's own configuration (~/.sky/config.yaml) says which Kubernetes is used",
    "kube_context": "SkyPilot's own configuration (~/.sky/config.yaml) says which Kubernetes is used",
}
_SSH = ("ssh_user", "ssh_private_key")
_LOG_INS = ("ssh_creds", "ssh_properties", "creds")


def to_document(config: Mapping[str, Any], notes: list[str]) -> Document:
    """The document of a cluster.

    Raises:
        DocumentError: it says neither hosts nor what to ask a cloud for.
    """
    subtype = text(config.get("resource_subtype"))
    if subtype == "DockerCluster":
        raise DocumentError("rhdesk has no clusters in containers of Docker.", remedy="Use ^local, this computer.")
    hosts = list(dict.fromkeys(texts(config.get("ips"))))
    on_demand = subtype == "OnDemandCluster" or (not hosts and subtype != "Cluster")
    values: dict[str, Any] = {"kind": "cluster", "type": "cloud" if on_demand else "ssh"}
    if on_demand:
        values |= _of_a_cloud(config, notes)
    else:
        values["ips"] = hosts
        values["ssh_creds"] = _log_in(config, notes)
    _image(config, values, notes)
    for name, why in _WITHOUT_COUNTERPART.items():
        if config.get(name):
            notes.append(f"{name} was not carried over: {why}.")
    unusual = [name for name in _OF_ITS_SERVER if config.get(name) and config[name] not in _USUAL.get(name, ())]
    if "visibility" in unusual:
        unusual.remove("visibility")
        notes.append("visibility was not carried over: share it with @everyone instead.")
    if unusual:
        notes.append(f"{', '.join(unusual)} was not carried over: that is about Runhouse's own server on the cluster.")
    return document_of(values, notes, ("type", "ips", "instance_type"))


def _log_in(config: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    said = [config[name] for name in _LOG_INS if isinstance(config.get(name), Mapping)]
    for name in _SSH:
        values = [value for each in said if (value := text(each.get(name)))]
        if values:
            found[name] = values[0]
    for each in said:
        if "ssh_private_key" not in found and (path := text(each.get("path"))):
            found["ssh_private_key"] = path
        if any(each.get(secret) for secret in ("password", "values", "private_key")):
            notes.append("A password or key in it was not carried over: `rhdesk credentials` keeps those.")
        if each.get("ssh_proxy_command"):
            notes.append(
                "ssh_creds.ssh_proxy_command was not carried over: write it into ~/.ssh/config, as ProxyCommand."
            )
    secret = text(config.get("creds"))
    if secret and "ssh_private_key" not in found:
        notes.append(
            f"creds was not carried over: {secret[:200]} is a secret of Runhouse; name the key file under ssh_creds."
        )
    if (port := whole(config.get("ssh_port"))) is not None:
        found["ssh_port"] = port
    return found


def _of_a_cloud(config: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"instance_type": _hardware(config, notes)}
    if hosts := whole(config.get("num_instances")) or whole(config.get("num_nodes")):
        found["num_instances"] = hosts
    if provider := text(config.get("provider")):
        found["provider"] = provider.lower()
    if (minutes := whole(config.get("autostop_mins"))) is not None:
        found["autostop_mins"] = minutes
        if minutes >= 0:
            found["autostop_down"] = True  # an idle cluster of Runhouse went away
    if isinstance(spot := config.get("use_spot"), bool):
        found["use_spot"] = spot
    for name in ("image_id", "region"):
        if value := text(config.get(name)):
            found[name] = value
    if size := whole(config.get("disk_size")):
        found["disk_size"] = size
    if config.get("sky_state") or config.get("compute_properties"):
        notes.append(
            "Where its machines were was not carried over: `rhdesk adopt` takes over a cluster that SkyPilot knows."
        )
    return found


def _hardware(config: Mapping[str, Any], notes: list[str]) -> str:
    """What one host is asked to be; of several words the one that Runhouse told SkyPilot last."""
    instance, gpus = text(config.get("instance_type")), config.get("gpus")
    processors = config.get("num_cpus")
    gpu = text(gpus) if isinstance(gpus, str) else ""
    count = text(processors) if isinstance(processors, str) else str(whole(processors) or "")
    wishes = [
        instance.removeprefix("--gpus ").strip(),
        gpu if ":" in gpu or not gpu else f"{gpu}:1",
        f"CPU:{count}" if count else "",
    ]
    asked = [wish for wish in wishes if wish]
    if asked:
        if rest := [wish for wish in asked[1:] if wish != asked[0]]:
            notes.append(f"{', '.join(rest)} was not carried over: a host is asked for by one thing, {asked[0]}.")
        return asked[0]
    notes.append("It named no hardware, so it asks for CPU:8+, which is what SkyPilot chose then.")
    return "CPU:8+"


def _image(config: Mapping[str, Any], values: dict[str, Any], notes: list[str]) -> None:
    image = config.get("image")
    if not isinstance(image, Mapping):
        return
    if identity := text(image.get("image_id")):
        if values["type"] == "cloud":
            values["image_id"] = identity
        else:
            notes.append("image.image_id was not carried over: hosts of your own have the system that they have.")
    if version := text(image.get("python_version")):
        values["python"] = version
    steps = image.get("setup_steps")
    if isinstance(steps, (list, tuple)) and steps:
        kinds = [text(step.get("step_type")) for step in steps if isinstance(step, Mapping)]
        said = ", ".join(dict.fromkeys(kind[:40] for kind in kinds if kind)) or "set-up"
        notes.append(
            f"image.setup_steps ({said}) was not carried over: write packages and set-up commands into the functions."
        )
    for name in ("conda_env_name", "venv_path", "docker_secret"):
        if image.get(name):
            notes.append(f"image.{name} was not carried over: rhdesk makes an environment for every set of packages.")


def from_document(address: str, document: ClusterDocument, reader: str = "") -> dict[str, Any]:
    """What both versions load as a cluster."""
    config: dict[str, Any] = {"name": address, "resource_type": "cluster"}
    if document.type == "cloud":
        config |= {"resource_subtype": "OnDemandCluster", "instance_type": document.instance_type}
        for name in ("num_instances", "provider", "autostop_mins", "use_spot", "image_id", "region", "disk_size"):
            config[name] = getattr(document, name)
        if document.num_instances:
            config["num_nodes"] = document.num_instances
        image = {"image_id": document.image_id, "python_version": document.python}
    else:
        config |= {"resource_subtype": "Cluster", "ips": document.ips or ["localhost"]}
        creds = document.ssh_creds
        said = {name: getattr(creds, name) for name in _SSH if getattr(creds, name)}
        if creds.ssh_port:
            config["ssh_port"] = creds.ssh_port
        if said:
            config |= log_ins(said, address, reader)
        image = {"python_version": document.python}
    if image := {name: value for name, value in image.items() if value}:
        config["image"] = image
    return {name: value for name, value in config.items() if value is not None}
