"""What a person may set: `config.yaml` in the rhdesk directory.

The fields of `Settings` are the one table of all settings: the file, the settings page and the documentation read
titles, descriptions, types, limits and defaults from it. The file belongs to the user: keys that are not known here
(Runhouse's own, say) and comments stay, and a file that cannot be read is reported and never overwritten.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr

from rhresources import paths
from rhresources.cloud.address import check_server_address
from rhresources.documents import problems, yaml
from rhresources.documents.base import Bytes, Count, checked, text_paths
from rhresources.documents.yaml import Loaded
from rhresources.errors import DocumentError, UsageError
from rhresources.names import parse_folder
from rhresources.stores.files import disk_error, locked, read_text, write_text

FILE_NAME = "config.yaml"

GIBIBYTE = 1024**3


def _in(section: str, unit: str = "") -> dict[str, Any]:
    return {"section": section, "unit": unit}


class Settings(BaseModel):
    """All settings with their defaults. Frozen: `change` and `save` write the file and give or take whole values."""

    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)

    # a `~` without quotes is null in YAML
    default_folder: Annotated[
        str, AfterValidator(checked(parse_folder)), BeforeValidator(lambda value: "~" if value is None else value)
    ] = Field(
        default="~",
        title="Default folder",
        description="The folder that names without one are in.",
        json_schema_extra=_in("Names"),
    )
    theme: Literal["system", "dark", "light"] = Field(
        default="system", title="Theme", description="Colours of the window.", json_schema_extra=_in("Window")
    )
    log_tail_lines: Annotated[int, Field(strict=True, ge=100, le=10_000_000)] = Field(
        default=100_000,
        title="Log lines shown",
        description="How many of a run's last lines its log view loads when it opens.",
        json_schema_extra=_in("Window", "lines"),
    )
    default_provider: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")] = Field(
        default="cheapest",
        title="Cloud provider",
        description="For cloud clusters that name none: aws, gcp, azure, lambda, … or cheapest.",
        json_schema_extra=_in("Cloud"),
    )
    default_autostop: Annotated[int, Field(strict=True, ge=-1, le=1_000_000)] = Field(
        default=60,
        title="Stop when idle",
        description="Minutes after which an idle cloud cluster stops, if it does not say; -1: never.",
        json_schema_extra=_in("Cloud", "minutes"),
    )
    autostop_down: bool = Field(
        default=False,
        title="Go away when idle",
        description="Whether an idle cloud cluster is taken down rather than stopped, if it does not say.",
        json_schema_extra=_in("Cloud"),
    )
    use_spot: bool = Field(
        default=False,
        title="Spot instances",
        description="Whether cloud clusters use spot instances, if they do not say: cheaper, and may be taken away.",
        json_schema_extra=_in("Cloud"),
    )
    skypilot_server: Annotated[str, AfterValidator(checked(check_server_address))] = Field(
        default="",
        title="SkyPilot server",
        description="Address of your team's SkyPilot API server, https://host; empty: rhdesk starts one of its own.",
        json_schema_extra=_in("Cloud"),
    )
    budget_per_month: Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)] = Field(
        default=0,
        title="Budget for a month",
        description="You are told at half, at four fifths and at all of it, and when it will be overrun; 0: none.",
        json_schema_extra=_in("Cloud", "US dollars"),
    )
    max_workers: Count = Field(
        default=0,
        title="Workers",
        description="Most worker processes of a cluster at once; 0: automatic.",
        json_schema_extra=_in("Clusters"),
    )
    worker_idle_seconds: Count = Field(
        default=300,
        title="Idle workers",
        description="How long a worker stays warm after its last call.",
        json_schema_extra=_in("Clusters", "seconds"),
    )
    runs_kept: Count = Field(
        default=1000,
        title="Runs kept",
        description="How many finished runs a cluster keeps, with logs and results.",
        json_schema_extra=_in("History"),
    )
    runs_kept_days: Count = Field(
        default=30,
        title="Days runs are kept",
        description="Finished runs that are older are deleted.",
        json_schema_extra=_in("History", "days"),
    )
    run_storage_limit: Bytes = Field(
        default=5 * GIBIBYTE,
        title="Space for runs",
        description="What logs and results may take on a cluster's disk; the oldest runs go first.",
        json_schema_extra=_in("History", "bytes"),
    )
    environment_kept_days: Count = Field(
        default=30,
        title="Days environments are kept",
        description="Environments that nothing used for so long are removed.",
        json_schema_extra=_in("History", "days"),
    )
    environment_storage_limit: Bytes = Field(
        default=50 * GIBIBYTE,
        title="Space for environments",
        description="What they may take on the disk of each host; the longest unused go first.",
        json_schema_extra=_in("History", "bytes"),
    )

    _problem: DocumentError | None = PrivateAttr(default=None)

    @property
    def problem(self) -> DocumentError | None:
        """What is wrong with the file that this was loaded from. What is right in it counts; the rest has defaults."""
        return self._problem

    @classmethod
    def load(cls, home: Path | None = None) -> Settings:
        """The settings of a rhdesk directory (default `$RH_HOME`, else `~/.rh`). Never raises: see `problem`."""
        path = settings_file(home)
        try:
            text, _ = read_text(path, str(path))
            loaded = _parsed(text, path)
        except FileNotFoundError:
            return cls()
        except OSError as error:
            return cls._with_problem({}, DocumentError(str(disk_error(f"{path} cannot be read", error))))
        except DocumentError as error:
            return cls._with_problem({}, error)
        try:
            return problems.validate(cls, loaded, source=str(path))
        except DocumentError as error:
            wrong = {field.partition(".")[0].partition("[")[0] for field, _, _ in error.problems}
            return cls._with_problem({key: value for key, value in loaded.value.items() if key not in wrong}, error)

    @classmethod
    def change(cls, home: Path | None = None, /, **values: Any) -> Settings:
        """Set some settings in the file and give back all; nothing else in the file changes.

        Raises:
            UsageError: there is no such setting.
            DocumentError: a value is not allowed, or the file is broken; nothing was written.
            RhError: the disk refused; the old file is still there.
        """
        for key in values:
            if key not in cls.model_fields:
                meant = problems.suggest(key, cls.model_fields)
                raise UsageError(
                    f"There is no setting {key!r}.",
                    remedy=f"Did you mean {meant}?" if meant else f"There are {', '.join(cls.model_fields)}.",
                )
        path = settings_file(home)
        wanted = problems.validate(cls, Loaded(values, {})).model_dump(include=set(values), mode="json")
        try:
            with locked(path.parent):
                text = _text_to_change(path)
                present = _parsed(text, path).value
                changes = {key: value for key, value in wanted.items() if key not in present or present[key] != value}
                if changes:
                    write_text(path, yaml.edit(text, changes))
        except OSError as error:
            raise disk_error(f"{path} was not saved", error) from None
        return cls.load(home)

    def save(self, home: Path | None = None) -> Settings:
        """Write every setting that differs from what the file says, and give back what it says then.

        Raises:
            RhError: as `change`.
        """
        current = Settings.load(home)
        changed = {
            key: getattr(self, key) for key in type(self).model_fields if getattr(self, key) != getattr(current, key)
        }
        return Settings.change(home, **changed)

    @classmethod
    def _with_problem(cls, values: Mapping[str, Any], problem: DocumentError) -> Settings:
        settings = cls.model_validate(values)
        settings._problem = problem
        return settings


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table of settings.

    Attributes:
        key: its name in config.yaml.
        type: "text", "choice", "number", "bytes" or "switch".
        choices: of a choice.
        minimum, maximum: of a number; None: no limit.
        section: the heading it stands under.
        unit: of a number: "days", "seconds", …
    """

    key: str
    title: str
    description: str
    section: str
    type: Literal["text", "choice", "number", "bytes", "switch"]
    default: str | int | bool
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    unit: str = ""


def settings_file(home: Path | None = None) -> Path:
    """Where the settings of a rhdesk directory are."""
    return (home if home is not None else paths.home()) / FILE_NAME


def table() -> list[Setting]:
    """All settings in the order of the page."""
    rows = []
    for key, field in Settings.model_fields.items():
        extra = typing.cast("dict[str, str]", field.json_schema_extra)
        limits = {name: getattr(each, name) for each in field.metadata for name in ("ge", "le") if hasattr(each, name)}
        choices = typing.get_args(field.annotation) if typing.get_origin(field.annotation) is Literal else ()
        kind: Literal["text", "choice", "number", "bytes", "switch"] = "text"
        if choices:
            kind = "choice"
        elif field.annotation is bool:
            kind = "switch"
        elif field.annotation is int:
            kind = "bytes" if extra["unit"] == "bytes" else "number"
        rows.append(
            Setting(
                key,
                field.title or key,
                field.description or "",
                extra["section"],
                kind,
                field.default,
                choices,
                limits.get("ge"),
                limits.get("le"),
                extra["unit"],
            )
        )
    return rows


def _parsed(text: str, path: Path) -> Loaded:
    loaded = yaml.load(text, source=str(path), text_paths=text_paths(Settings))
    if loaded.value is None:
        return Loaded({}, {})
    if not isinstance(loaded.value, dict):
        raise yaml.problem("this is not a mapping of settings", source=str(path), line=1)
    return loaded


def _text_to_change(path: Path) -> str:
    """What the file says, if it may be changed."""
    try:
        text, _ = read_text(path, str(path))
        _parsed(text, path)
    except FileNotFoundError:
        return ""
    except DocumentError as error:
        raise DocumentError(
            f"The settings were not saved, because {path} is broken and holds what somebody wrote: {error}",
            problems=error.problems,
            remedy="Mend or delete that file first.",
        ) from None
    return text
