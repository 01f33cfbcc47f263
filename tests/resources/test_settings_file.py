"""config.yaml: what a person may set, kept as they wrote it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rhresources.errors import DocumentError, RhError, UsageError
from rhresources.settings import GIBIBYTE, Settings, settings_file, table


@pytest.fixture
def file(rh_home: Path) -> Path:
    rh_home.mkdir()
    return rh_home / "config.yaml"


def test_without_a_file_all_are_defaults(rh_home: Path) -> None:
    settings = Settings.load()
    assert settings == Settings()
    assert settings.problem is None
    assert not rh_home.exists()
    assert settings_file() == rh_home / "config.yaml"
    assert (settings.default_folder, settings.default_provider, settings.default_autostop) == ("~", "cheapest", 60)
    assert (settings.runs_kept, settings.runs_kept_days, settings.run_storage_limit) == (1000, 30, 5 * GIBIBYTE)
    assert (settings.environment_kept_days, settings.max_workers, settings.worker_idle_seconds) == (30, 0, 300)


def test_falsy_values_read_back_as_they_are(file: Path) -> None:
    Settings.change(use_spot=True, runs_kept=5, runs_kept_days=3, worker_idle_seconds=4)
    Settings.change(use_spot=False, runs_kept=0, runs_kept_days=0, worker_idle_seconds=0)
    settings = Settings.load()
    assert (settings.use_spot, settings.runs_kept, settings.runs_kept_days, settings.worker_idle_seconds) == (
        False,
        0,
        0,
        0,
    )
    file.write_text("use_spot: no\nmax_workers: 0\n")
    assert Settings.load().use_spot is False


def test_changing_keeps_comments_and_unknown_keys(file: Path) -> None:
    file.write_text("# from Runhouse\ntoken: abc  # secret\nuse_spot: true  # cheap\nsecrets: {aws: ~/.aws}\n")
    settings = Settings.change(use_spot=False, theme="dark")
    assert (settings.use_spot, settings.theme) == (False, "dark")
    assert file.read_text() == (
        "# from Runhouse\ntoken: abc  # secret\nuse_spot: false # cheap\nsecrets: {aws: ~/.aws}\ntheme: dark\n"
    )


def test_save_writes_what_differs(file: Path) -> None:
    file.write_text("theme: dark\n")
    settings = Settings.load().model_copy(update={"runs_kept": 7})
    assert settings.save().runs_kept == 7
    assert file.read_text() == "theme: dark\nruns_kept: 7\n"
    Settings.load().save()
    assert file.read_text() == "theme: dark\nruns_kept: 7\n"


@pytest.mark.parametrize("text", ["default_folder: ~\n", "default_folder:\n", "default_folder: '~'\n"])
def test_a_tilde_is_the_home_folder_however_it_is_quoted(file: Path, text: str) -> None:
    file.write_text(text)
    assert Settings.load().problem is None
    assert Settings.load().default_folder == "~"


def test_a_wrong_value_is_reported_and_the_right_ones_count(file: Path) -> None:
    file.write_text("theme: drak\nruns_kept: many\nworker_idle_seconds: 9\nrun_storage_limit: 1 GiB\n")
    settings = Settings.load()
    assert settings.problem is not None
    assert {(field, line) for field, _, line in settings.problem.problems} == {("theme", 1), ("runs_kept", 2)}
    assert "did you mean dark?" in str(settings.problem)
    assert (settings.theme, settings.runs_kept) == ("system", 1000)
    assert (settings.worker_idle_seconds, settings.run_storage_limit) == (9, GIBIBYTE)
    assert Settings.change(theme="dark").theme == "dark"
    assert "runs_kept: many\n" in file.read_text(), "what was not asked for is not touched"


@pytest.mark.parametrize("content", [b"theme: [\n", b"- a\n", b"text\n", b"\xff\n", b"theme: dark\ntheme: light\n"])
def test_a_broken_file_is_reported_and_never_overwritten(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    settings = Settings.load()
    assert settings.model_dump() == Settings().model_dump()
    assert settings.problem is not None
    assert str(file) in str(settings.problem)
    with pytest.raises(DocumentError, match="The settings were not saved, because"):
        Settings.change(theme="dark")
    with pytest.raises(DocumentError):
        Settings(theme="dark").save()
    assert file.read_bytes() == content


def test_wrong_changes_write_nothing(file: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean theme"):
        Settings.change(thme="dark")
    with pytest.raises(DocumentError, match="runs_kept: it must be at least 0"):
        Settings.change(runs_kept=-1)
    with pytest.raises(DocumentError, match="default_folder"):
        Settings.change(default_folder="../x")
    assert not file.exists()


def test_a_config_that_is_a_directory(rh_home: Path) -> None:
    (rh_home / "config.yaml").mkdir(parents=True)
    assert "not a plain file" in str(Settings.load().problem)
    with pytest.raises(RhError):
        Settings.change(theme="dark")
    assert os.listdir(rh_home / "config.yaml") == []


def test_the_table_describes_every_setting() -> None:
    rows = table()
    assert [row.key for row in rows] == list(Settings.model_fields)
    for row in rows:
        assert row.title
        assert row.description.endswith(".")
        assert row.section
        assert row.default == getattr(Settings(), row.key)
    by_key = {row.key: row for row in rows}
    assert by_key["theme"].type == "choice"
    assert by_key["theme"].choices == ("system", "dark", "light")
    assert by_key["use_spot"].type == "switch"
    assert (by_key["runs_kept"].type, by_key["runs_kept"].minimum) == ("number", 0)
    assert (by_key["default_autostop"].minimum, by_key["default_autostop"].unit) == (-1, "minutes")
    assert (by_key["run_storage_limit"].type, by_key["default_folder"].type) == ("bytes", "text")
