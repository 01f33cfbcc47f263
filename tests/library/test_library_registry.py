"""The library on a real registry: saved at work, loaded at home, shared, and nothing of another's lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab.registry import RegistryServer

import rhdesk as rh
from rhresources.library.toplevel import names


@pytest.fixture
def at_work(registry: RegistryServer, monkeypatch: pytest.MonkeyPatch, short_path: Path) -> None:
    """This program is alice's."""
    be("alice", registry, monkeypatch, short_path)


def be(user: str, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Go on as that user on a computer of their own."""
    monkeypatch.setenv("RH_HOME", str(folder / user))
    assert rh.login(registry.url, registry.token(user)) == user


def test_a_team_shares_by_name(
    at_work: None, registry: RegistryServer, monkeypatch: pytest.MonkeyPatch, short_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    cluster = rh.cluster("@/gpu", ips=["gpu1"]).save()
    assert cluster.rns_address == "/alice/gpu"
    rh.package(name="@/deps", install_str="numpy").save()
    function = rh.function(
        "https://github.com/o/r/blob/main/train.py:main",
        name="@/train",
        system="@/gpu",
        reqs=["rh:@/deps"],
        dryrun=True,
    ).save()
    with pytest.raises(rh.RhError, match="bob"):
        function.share("bob")
    registry.token("bob")
    assert function.share("bob") == {"bob": "read"}
    assert "/alice/train names /alice/deps, which bob may not read." in capfd.readouterr().err
    names().share("@", {"bob": "read"})
    assert [version.by for version in function.history()] == ["alice"]
    rh.cluster("~/mine", ips=["gpu2"]).save()
    capfd.readouterr()
    rh.function("https://github.com/o/r/blob/main/train.py:main", name="@/other", system="~/mine", dryrun=True).save()
    assert "Others cannot reach its cluster ~/mine" in capfd.readouterr().err

    be("bob", registry, monkeypatch, short_path)
    there = rh.load("/alice/train", instantiate=False)
    assert (there["cluster"], there["packages"][-1]) == ("/alice/gpu", "rh:/alice/deps")
    assert rh.load("/alice/gpu", dryrun=True).document().ips == ["gpu1"]
    with pytest.raises(rh.RhError, match="You may read /alice/gpu, not change it"):
        rh.load("/alice/gpu", dryrun=True).save()
    rh.load("/alice/gpu", dryrun=True).save("@/gpu")
    rh.set_folder("@")
    assert rh.resources() == ["gpu"]
    assert rh.exists("gpu", "cluster")
    assert rh.load("gpu", dryrun=True).rns_address == "/bob/gpu"
    rh.unset_folder()
    rh.logout()
    with pytest.raises(rh.RhError, match="none is logged in to"):
        rh.load("@/gpu")


def test_that_a_save_loses_nothing_of_others(at_work: None) -> None:
    rh.cluster("@/gpu", ips=["gpu1"], python="3.11").save()
    began = rh.load("@/gpu", dryrun=True)
    rh.cluster("@/gpu", ips=["gpu1", "gpu2"]).save()
    changed = rh.cluster("@/gpu", python="3.12")
    changed.save()
    assert names().cluster("@/gpu").ips == ["gpu1", "gpu2"]
    began._document = began.document().model_copy(update={"python": "3.13"})
    with pytest.raises(rh.RhError, match="changed the same part of it"):
        began.save()
    assert names().cluster("@/gpu").python == "3.12"
    assert "3.13" in names().conflict("@/gpu").mine


def test_that_saving_again_takes_nothing_of_others_back(at_work: None) -> None:
    rh.cluster("@/gpu", ips=["gpu1"], python="3.11").save()
    began = rh.load("@/gpu", dryrun=True)
    rh.cluster("@/gpu", ips=["gpu1", "gpu2"]).save()
    for python in ("3.12", "3.13"):
        began._document = began.document().model_copy(update={"python": python})
        began.save()
        assert names().cluster("@/gpu").python == python
        assert names().cluster("@/gpu").ips == ["gpu1", "gpu2"]


@pytest.mark.parametrize("says", [("RH_REGISTRY_TOKEN",), ("RH_REGISTRY_URL", "RH_REGISTRY_TOKEN")])
def test_that_a_token_of_the_environment_logs_in(
    says: tuple[str, ...], registry: RegistryServer, monkeypatch: pytest.MonkeyPatch, short_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("RH_HOME", str(short_path / "ci"))
    given = {"RH_REGISTRY_TOKEN": registry.token("alice"), "RH_REGISTRY_URL": registry.url}
    for name in says:
        monkeypatch.setenv(name, given[name])
    assert rh.login(registry.url) == "alice"
    assert capfd.readouterr().err == "", "nothing has to be kept"
    rh.cluster("@/gpu", ips=["gpu1"]).save()
    assert rh.load("/alice/gpu", dryrun=True).document().ips == ["gpu1"]
    with pytest.raises(rh.RhError, match="environment says who is logged in"):
        rh.login(registry.url, registry.token("bob"))
