"""SkyPilot's errors, told as one sentence with what to do; what it said itself is the detail."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rhresources.cloud.plain_words import plain, plain_line
from rhresources.cloud.problems import CloudCode, CloudProblem

_QUOTA = re.compile(r"quota|limit ?exceeded|vcpulimit|exceed\w* .{0,40}limit|rateLimit|max\w*limit", re.IGNORECASE)
_CREDENTIALS = re.compile(
    r"authfailure|unauthorized|invalidclienttokenid|signaturedoesnotmatch|expiredtoken|accessdenied|credentials"
    r"|permission denied|not authorized|forbidden",
    re.IGNORECASE,
)
_NO_CAPACITY = re.compile(r"insufficient|out of stock|stockout|no capacity|capacity|resource_pool_exhausted", re.I)


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a kind of error means.

    Attributes:
        types: SkyPilot's names of the exception; empty: any.
        says: pattern that its message must have; "": any. Its groups fill the braces of `sentence`.
    """

    types: tuple[str, ...]
    says: str
    code: CloudCode
    sentence: str
    remedy: str
    field: str = ""


_CHECK = "Set the cloud up: `rhdesk check` says which are enabled and how to mend the others."

_RULES = (
    _Rule(("RequestCancelled",), "", "cancelled", "It was cancelled.", ""),
    _Rule(
        ("RequestInterruptedError",), "", "interrupted", "SkyPilot's server was stopped while it worked on this.",
        "Look at the clusters with a refresh, then ask again.",
    ),
    _Rule(
        ("ClusterDoesNotExist",), r"Cluster '?(?P<name>[^' ]+)'?", "not-there", "SkyPilot knows no cluster {name}.",
        "It may have gone away by itself; look at its events.",
    ),
    _Rule(("ClusterDoesNotExist",), "", "not-there", "SkyPilot knows no such cluster.", ""),
    _Rule((), r"does not exist", "not-there", "SkyPilot knows no such cluster.", "Refresh the list of clusters."),
    _Rule(("ClusterNotUpError",), "", "not-up", "The cluster is not up.", "Bring it up first."),
    _Rule(
        ("ResourcesMismatchError",), "", "name-taken",
        "There is a cluster of this name already, with other hardware or in another place.",
        "Take that one down first, or choose another name.", "name",
    ),
    _Rule(
        ("ClusterOwnerIdentityMismatchError", "CloudUserIdentityError"), "", "credentials",
        "The cloud knows you as somebody else than the one who made this cluster.",
        "Log in to the cloud as the one who made it.",
    ),
    _Rule(
        ("PermissionDeniedError", "NoWorkspaceAccessError"), "", "credentials",
        "You may not do that on this SkyPilot server.", "Ask who runs it.",
    ),
    _Rule(("NotSupportedError",), "", "not-supported", "The cloud cannot do that.", "The details say why."),
    _Rule(
        ("InvalidClusterNameError",), "", "bad-request", "SkyPilot does not take this name for a cluster.",
        "Choose one of letters, digits and hyphens.", "name",
    ),
    _Rule((), r"none of the (?:clouds|infra)|no cloud (?:access|is enabled)|No infra is enabled|Enabled infra: *$",
          "no-cloud", "No cloud is set up.", _CHECK, "provider"),
    _Rule(("NoCloudAccessError",), "", "no-cloud", "No cloud is set up.", _CHECK, "provider"),
    _Rule((), r"requires (?P<cloud>.+?) which (?:is|are) not enabled", "no-cloud", "{cloud} is not set up.", _CHECK,
          "provider"),
    _Rule((), r"Cloud '?(?P<cloud>[^' ]+)'? is not a valid cloud", "no-cloud", "SkyPilot knows no cloud {cloud}.",
          "Write aws, gcp, azure, lambda, … or cheapest.", "provider"),
    _Rule((), r"Invalid resources YAML: '(?P<cloud>[^'/]+)[^']*' does not match.*\$\.infra", "no-cloud",
          "SkyPilot knows no cloud {cloud}.", "Write aws, gcp, azure, lambda, … or cheapest.", "provider"),
    _Rule(("ConnectionError",), r"catalogs/v\d+/(?P<cloud>\w+)/", "failed",
          "SkyPilot cannot fetch its list of what there is and costs ({cloud}).",
          "Check this computer's way to the internet (HTTPS_PROXY), then try again."),
    _Rule((), r"Invalid region '?(?P<region>[^'\s]+)'?", "no-such-region", "There is no region {region}.",
          "Choose another, or leave it empty for any.", "region"),
    _Rule((), r"Invalid zone '?(?P<zone>[^'\s]+)'?", "no-such-region", "There is no zone {zone}.",
          "Choose another, or leave it empty for any.", "region"),
    _Rule((), r"Invalid instance type '?(?P<type>[^'\s]+)'?", "no-such-hardware",
          "There is no instance type {type} there.", "Look at the offers and choose one.", "instance_type"),
    _Rule((), r"instances satisfying the request|No launchable resource found|No resource satisfying"
          r"|Accelerator\S* .* not found", "no-such-hardware", "No cloud that is set up has such hardware.",
          "Look at the offers and choose one, or another region.", "instance_type"),
)  # fmt: skip


def refusal(type_name: str, message: str, said: Sequence[str]) -> CloudProblem:
    """The problem that an error of a request is.

    Args:
        type_name: SkyPilot's exception, "ResourcesUnavailableError".
        message: what it says.
        said: what the request said before, line by line.
    """
    message = plain(message).strip()
    heard = "\n".join(line for each in said if (line := plain_line(each)))
    detail = f"{type_name}: {message}" if message else type_name
    hints = _hints(message)
    for rule in _RULES:
        if rule.types and type_name not in rule.types:
            continue
        found = re.search(rule.says, message, re.IGNORECASE | re.MULTILINE)
        if found is None:
            continue
        words = {key: value.strip() for key, value in found.groupdict().items() if value}
        return CloudProblem(
            rule.sentence.format(**words), code=rule.code, field=rule.field, detail=detail,
            remedy=f"{rule.remedy} {hints}".strip(),
        )  # fmt: skip
    if type_name in {"ResourcesUnavailableError", "ProvisionPrechecksError", "InvalidCloudCredentials", "CloudError"}:
        return _not_to_be_had(f"{message}\n{heard}", f"{detail}\n\n{heard}".strip(), hints)
    sentence = message.splitlines()[0].strip() if message else "SkyPilot failed."
    if type_name in {"ValueError", "AssertionError", "InvalidSkyPilotConfigError"}:
        return CloudProblem(f"SkyPilot refused: {sentence}", code="bad-request", detail=detail, remedy=hints)
    return CloudProblem(f"SkyPilot failed: {sentence}", detail=f"{detail}\n\n{heard}".strip(), remedy=hints)


def _not_to_be_had(said: str, detail: str, hints: str) -> CloudProblem:
    """Every offer was tried and refused: why."""
    if _QUOTA.search(said):
        return CloudProblem(
            "Your quota at the cloud does not allow that.", code="quota", detail=detail, field="instance_type",
            remedy=f"Ask the cloud for more, choose another region or smaller hardware. {hints}".strip(),
        )  # fmt: skip
    if _CREDENTIALS.search(said) and not _NO_CAPACITY.search(said):
        return CloudProblem(
            "The cloud does not accept your log-in, or does not allow you that.", code="credentials", detail=detail,
            remedy=f"Log in to it anew; the details have its own words. {_CHECK}",
        )  # fmt: skip
    return CloudProblem(
        "No cloud that is set up has such hardware free now.", code="no-capacity", detail=detail, field="region",
        remedy=f"Try again later, allow more regions or other hardware, or spot instances. {hints}".strip(),
    )  # fmt: skip


def _hints(message: str) -> str:
    """SkyPilot's own hints on what to use instead."""
    found = re.search(r"Did you mean:?\s*(.+)|Try one of (?:these|the) .*?:\s*(.+)|[Cc]losest .*?:\s*(.+)", message)
    if found is None:
        return ""
    meant = next(group for group in found.groups() if group).strip()
    return f"SkyPilot asks: did you mean {meant.rstrip('?')}?"
