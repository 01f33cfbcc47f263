"""What a saved package says about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from rhresources.documents.base import BaseDocument, field_problem
from rhresources.errors import UsageError
from rhresources.packages import PackageSpec, checked_git_url, checked_revision, checked_target


class PackageDocument(BaseDocument):
    """A package: what a function needs, under a name."""

    renamed: ClassVar[Mapping[str, str]] = {
        "install_target": "target",
        "install_args": "options",
        "install_str": "target",
        "url": "git_url",
        "method": "install_method",
        "branch": "revision",
        "tag": "revision",
        "commit": "revision",
        "resource_type": "kind",
    }

    kind: Literal["package"] = "package"
    install_method: Literal["local", "reqs", "pip", "conda", "git"] = Field(
        title="Method", description="local, reqs, pip, conda or git."
    )
    target: str = Field(
        default="",
        title="Target",
        description="A requirement (numpy==1.26) or a path (./); empty for git.",
        max_length=2000,
    )
    options: list[str] = Field(default_factory=list, title="Options", description="Of the installer: --no-deps.")
    git_url: str = Field(default="", title="Repository", description="Address of the git repository.", max_length=2000)
    revision: str = Field(default="", title="Revision", description="Branch, tag or commit; empty: the default branch.")

    @model_validator(mode="after")
    def _fits_method(self) -> PackageDocument:
        if self.install_method == "git":
            if not self.git_url:
                raise field_problem(("git_url",), "a package of method git needs one")
            if self.target:
                raise field_problem(("target",), "a package of method git has none; say git_url and revision")
            _check("git_url", lambda: checked_git_url(self.git_url))
            _check("revision", lambda: checked_revision(self.revision))
        else:
            if not self.target:
                raise field_problem(("target",), f"a package of method {self.install_method} needs one")
            for name in ("git_url", "revision"):
                if getattr(self, name):
                    raise field_problem((name,), f"only a package of method git has one, not {self.install_method}")
            _check("target", lambda: checked_target(self.install_method, self.target))
        if self.options and not self.options[0].startswith("-"):
            raise field_problem(("options", 0), f"{self.options[0]!r} does not begin with '-'")
        return self

    def spec(self) -> PackageSpec:
        """The package as the grammar of `rhresources.packages` has it."""
        git = self.install_method == "git"
        spec = PackageSpec(
            self.install_method,
            "" if git else checked_target(self.install_method, self.target),
            tuple(self.options),
            checked_git_url(self.git_url) if git else "",
            self.revision,
        )
        return PackageSpec(spec.method, spec.target, spec.options, spec.git_url, spec.revision, text=str(spec))

    @classmethod
    def from_spec(cls, spec: PackageSpec, description: str = "") -> PackageDocument:
        """The document of a parsed package line.

        Raises:
            UsageError: the line names a saved package; it has a document already.
        """
        if spec.method == "saved":
            raise UsageError(
                f"{spec.target} is a saved package already.", remedy="Save the package that it stands for instead."
            )
        return cls(
            install_method=spec.method,
            target=spec.target,
            options=list(spec.options),
            git_url=spec.git_url,
            revision=spec.revision,
            description=description,
        )


def _check(name: str, check: Callable[[], object]) -> None:
    try:
        check()
    except UsageError as error:
        raise field_problem((name,), str(error).rstrip(".")) from None
