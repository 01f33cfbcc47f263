"""Environments and plans through the library, on a real cluster server with made-up wheels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lab.made_packages import make_wheel

import rhdesk as rh
from rhresources.errors import InstallError, NotFound
from rhresources.library.cluster import Cluster

pytestmark = pytest.mark.ray


def test_that_environments_are_checked_listed_updated_and_removed(at_server: Any, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    make_wheel(wheels, "rh-twig", "1.0")
    options = f"--no-index --find-links={wheels}"
    twig = rh.package(install_method="pip", install_str=f"rh-twig {options}")
    plan = twig.check()
    assert plan.versions["rh-twig"] == "1.0"
    assert not plan.ready
    here = rh.load("^local")
    assert isinstance(here, Cluster)
    here.install_packages([twig])
    assert [str(each) for each in here.packages] == [str(twig)]
    made = {each.hash: each for each in here.environments()}[plan.environment]
    assert (made.state, len(made.packages)) == ("ready", 1)
    assert made.modules()
    assert {each.name: each.version for each in made.contents()}["rh-twig"] == "1.0"

    make_wheel(wheels, "rh-twig", "1.1")
    newer = made.update()
    assert newer != made.hash
    (changed,) = [each for each in here.check_packages([twig], against=made.hash).changes if each.name == "rh-twig"]
    assert (changed.before, changed.after) == ("1.0", "1.1")
    assert made.remove() > 0
    with pytest.raises(NotFound):
        made.contents()
    for each in here.environments():
        if each.hash == newer:
            each.remove()
    with pytest.raises(InstallError, match="rh-branch"):
        here.check_packages(f"rh-branch {options}")


def test_that_the_cluster_says_what_installs_conda_packages(at_server: Any) -> None:
    assert rh.cluster("own", conda="micromamba", dryrun=True).document().conda == "micromamba"
    here = Cluster(None, rh.load("^local").document().model_copy(update={"conda": "no-such-conda-program"}))
    with pytest.raises(rh.RhError, match="no-such-conda-program"):
        here.install_packages("conda:zlib")
    assert here.packages == []
