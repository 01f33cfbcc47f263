"""What a cluster says about itself: which hosts, how they are reached, what they may spend and keep."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from rhresources.documents.base import BaseDocument, Bytes, Count, Part, field_problem, plain_word

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_ACCOUNT = re.compile(r"[\w.\\@+][\w.\\@+-]*\$?")
_INSTANCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(:[0-9]+(\.[0-9]+)?\+?)?")


def _host(value: str) -> str:
    if "@" in value:
        user, _, host = value.partition("@")
        raise ValueError(f"it is {value!r}; write {host!r} here and ssh_user: {user} under ssh_creds")
    address, percent, zone = value.partition("%")
    try:
        ipaddress.ip_address(address)
        if percent and not re.fullmatch(r"[A-Za-z0-9._-]+", zone):  # it comes into commands, as of a ProxyCommand
            raise ValueError
    except ValueError:
        if not _HOST.fullmatch(value) or len(value) > 253:
            raise ValueError(f"{value!r} is not the name or address of a host") from None
    return value


def _jump(value: str) -> str:
    for part in value.split(","):
        user, _, rest = part.strip().rpartition("@")
        found = re.fullmatch(r"\[(.+)\](?::(\d+))?|([^:]+)(?::(\d+))?|([^\[\]]+)", rest)
        if found is None or (user and not _ACCOUNT.fullmatch(user)):
            raise ValueError(f"{part.strip()!r} is not a jump host; write user@host:port")
        _host(found[1] or found[3] or found[5])
        port = found[2] or found[4]
        if port and not 1 <= int(port) <= 65_535:
            raise ValueError(f"{part.strip()!r} has no such port")
    return ",".join(part.strip() for part in value.split(","))


def _user(value: str) -> str:
    plain_word(value)
    if not _ACCOUNT.fullmatch(value):
        raise ValueError(f"{value!r} is not the name of an account")
    return value


def _instance(value: str) -> str:
    if not _INSTANCE.fullmatch(value):
        raise ValueError(f"{value!r} is not an instance; write m5.xlarge, CPU:8+ or A100:4")
    return value


def _provider(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", value):
        raise ValueError(f"{value!r} is not a provider; write aws, gcp, azure, … or cheapest")
    return value


def _python(value: str) -> str:
    plain_word(value)
    if value.startswith(("/", "~/")):
        return value
    if not re.fullmatch(r"3\.\d{1,2}(\.\d{1,2})?", value):
        raise ValueError(f"{value!r} is neither a version of Python nor the path of one")
    if int(value.split(".")[1]) < 11:
        raise ValueError(f"it is {value!r}; the server needs Python 3.11 or newer")
    return value


def _conda(value: str) -> str:
    plain_word(value)
    if not value.startswith(("/", "~/")) and not re.fullmatch(r"[A-Za-z0-9_][\w.+-]*", value):
        raise ValueError(f"{value!r} is neither the name of a program nor its absolute path on the hosts")
    return value


def _label(value: str) -> str:
    # what every cloud accepts; AWS allows more, Kubernetes and GCP do not
    if not re.fullmatch(r"[a-z]([a-z0-9_-]{0,61}[a-z0-9])?", value):
        raise ValueError(f"{value!r} is not the name of a label; write small letters, digits, - and _")
    if value == "rhdesk":
        raise ValueError("rhdesk sets the label 'rhdesk' itself")
    return value


def _label_value(value: str) -> str:
    if not re.fullmatch(r"([a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?)?", value):
        raise ValueError(f"{value!r} is not the value of a label; write small letters, digits, - and _")
    return value


Labels = dict[Annotated[str, AfterValidator(_label)], Annotated[str, AfterValidator(_label_value)]]
"""What costs are told apart by."""

PlainWord = Annotated[str, AfterValidator(plain_word), Field(min_length=1)]


_OF_CLOUDS = ("instance_type", "provider", "image_id", "region", "disk_size", "labels", "autostop_down")
"""Fields that only a cluster of type cloud has."""


class SshCredentials(Part):
    """How one logs in to a cluster's hosts. Passwords and passphrases are in the keyring, never here."""

    refused: ClassVar[Mapping[str, str]] = {
        name: "passwords and passphrases are kept in the keyring, never in a document"
        for name in ("password", "ssh_password", "passphrase", "ssh_passphrase")
    }
    renamed: ClassVar[Mapping[str, str]] = {
        "user": "ssh_user",
        "key": "ssh_private_key",
        "port": "ssh_port",
        "private_key": "ssh_private_key",
        "ssh_proxy_jump": "proxy_jump",
        "jump": "proxy_jump",
        "auth": "log_in",
        "ssh_known_hosts": "known_hosts",
    }

    ssh_user: Annotated[str, AfterValidator(_user)] | None = Field(
        default=None,
        title="User",
        description="The account on the hosts; empty: what ~/.ssh/config says, else your own.",
    )
    ssh_private_key: PlainWord | None = Field(
        default=None,
        title="Private key",
        description="Path of the key file; empty: what ~/.ssh/config and the agent offer.",
    )
    ssh_port: Annotated[int, Field(strict=True, ge=1, le=65535)] | None = Field(
        default=None, title="Port", description="Empty: what ~/.ssh/config says, else 22."
    )
    log_in: Literal["auto", "key", "agent", "password"] = Field(
        default="auto",
        title="Log in by",
        description="auto: keys, the agent, then a password; or one of them alone. A password may be a code too.",
    )
    proxy_jump: Annotated[str, AfterValidator(_jump)] | None = Field(
        default=None,
        title="Jump hosts",
        description="Hosts on the way, as for ssh -J: user@host:port, several with commas; none: go straight.",
    )
    known_hosts: PlainWord | None = Field(
        default=None, title="Known hosts", description="Path of the file of host keys; empty: ~/.ssh/known_hosts."
    )


class ClusterDocument(BaseDocument):
    """A cluster: one or more hosts that a cluster server runs on."""

    renamed: ClassVar[Mapping[str, str]] = {
        "host": "ips",
        "hosts": "ips",
        "ssh_user": "ssh_creds.ssh_user",
        "ssh_private_key": "ssh_creds.ssh_private_key",
        "autostop": "autostop_mins",
        "autodown": "autostop_down",
        "spot": "use_spot",
        "cloud": "provider",
        "accelerators": "instance_type",
        "resource_type": "kind",
    }
    refused: ClassVar[Mapping[str, str]] = SshCredentials.refused

    kind: Literal["cluster"] = "cluster"
    type: Literal["machine", "ssh", "cloud"] = Field(
        title="Type", description="machine: this computer; ssh: hosts of your own; cloud: on demand."
    )
    ips: list[Annotated[str, AfterValidator(_host)]] = Field(
        default_factory=list,
        title="Hosts",
        description="Names, addresses or entries of ~/.ssh/config; the first is the head.",
    )
    ssh_creds: SshCredentials = Field(default_factory=SshCredentials, title="Log-in")
    python: Annotated[str, AfterValidator(_python)] | None = Field(
        default=None,
        title="Python",
        description="Version or path of the interpreter on the hosts, 3.11 or newer; empty: found or made.",
    )
    wheels: PlainWord | None = Field(
        default=None,
        title="Wheels",
        description="Folder on this computer with all packages as wheels, for hosts without internet.",
    )
    conda: Annotated[str, AfterValidator(_conda), Field(min_length=1)] | None = Field(
        default=None,
        title="Conda",
        description="What installs conda packages: micromamba, mamba, conda, the path of one, or rattler for "
        "rhdesk's own; empty: the one that is there, else rhdesk's own.",
    )
    instance_type: Annotated[str, AfterValidator(_instance)] | None = Field(
        default=None, title="Instance", description="m5.xlarge, CPU:8+ or A100:4."
    )
    num_instances: Annotated[int, Field(strict=True, ge=1, le=10_000)] | None = Field(
        default=None, title="Hosts wanted", description="Empty: one."
    )
    provider: Annotated[str, AfterValidator(_provider)] | None = Field(
        default=None, title="Provider", description="aws, gcp, azure, lambda, … or cheapest; empty: the setting."
    )
    autostop_mins: Annotated[int, Field(strict=True, ge=-1, le=1_000_000)] | None = Field(
        default=None, title="Stop when idle", description="Minutes; -1: never; empty: the setting."
    )
    autostop_down: bool | None = Field(
        default=None,
        title="Go away when idle",
        description="Whether the cluster is taken down then, rather than stopped; empty: the setting. A cloud that "
        "cannot stop hosts takes it down in any case.",
    )
    use_spot: bool | None = Field(
        default=None, title="Spot instances", description="Cheaper, and may be taken away; empty: the setting."
    )
    image_id: PlainWord | None = Field(default=None, title="Image", description="Image of the instances.")
    region: PlainWord | None = Field(default=None, title="Region", description="Empty: any.")
    disk_size: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = Field(
        default=None, title="Disk", description="GB of each host's disk; empty: the cloud's usual."
    )
    labels: Labels = Field(
        default_factory=dict, title="Labels", description="Of the instances, and of what they cost.", max_length=30
    )
    price_per_hour: Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)] | None = Field(
        default=None, title="Price per hour", description="US dollars for the whole cluster, where you know better."
    )
    max_workers: Count | None = Field(
        default=None, title="Workers", description="Most worker processes at once; 0: automatic; empty: the setting."
    )
    worker_idle_seconds: Count | None = Field(
        default=None, title="Idle workers", description="Seconds until an idle worker ends; empty: the setting."
    )
    runs_kept: Count | None = Field(default=None, title="Runs kept", description="Empty: the setting.")
    runs_kept_days: Count | None = Field(default=None, title="Days runs are kept", description="Empty: the setting.")
    run_storage_limit: Bytes | None = Field(
        default=None, title="Space for runs", description='Bytes, or "5 GiB"; empty: the setting.'
    )
    environment_kept_days: Count | None = Field(
        default=None, title="Days environments are kept", description="Empty: the setting."
    )
    environment_storage_limit: Bytes | None = Field(
        default=None, title="Space for environments", description='Bytes on each host, or "50 GiB"; empty: the setting.'
    )

    @model_validator(mode="before")
    @classmethod
    def _infer_type(cls, given: Any) -> Any:
        """Hosts make it ssh and an instance makes it cloud where the type is not said."""
        if isinstance(given, Mapping) and "type" not in given:
            if given.get("ips"):
                return {**given, "type": "ssh"}
            if given.get("instance_type"):
                return {**given, "type": "cloud"}
        return given

    @model_validator(mode="after")
    def _fits_type(self) -> ClusterDocument:
        if self.type == "ssh" and not self.ips:
            raise field_problem(("ips",), "a cluster of type ssh needs at least one host")
        if self.type == "cloud" and not self.instance_type:
            raise field_problem(("instance_type",), "a cluster of type cloud needs one, such as CPU:8+ or A100:1")
        if len(set(self.ips)) != len(self.ips):
            twice = next(index for index, host in enumerate(self.ips) if host in self.ips[:index])
            raise field_problem(("ips", twice), f"{self.ips[twice]} stands twice")
        foreign = {
            "machine": ("ips", "python", "wheels", "num_instances", *_OF_CLOUDS),
            "ssh": _OF_CLOUDS,
            "cloud": ("ips",),
        }[self.type]
        for name in foreign:
            if getattr(self, name):
                raise field_problem((name,), f"a cluster of type {self.type} has none")
        return self
