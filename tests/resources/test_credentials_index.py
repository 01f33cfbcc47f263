"""The list of what is in the keyring: private, whole, and never written over when somebody broke it."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from lab.secret_service import SecretService

from rhresources.credentials import Credentials
from rhresources.credentials.index import Index, Listed
from rhresources.errors import RhError


def test_that_the_list_is_private_and_leads_back(tmp_path: Path) -> None:
    index = Index(tmp_path / "home" / "credentials.yaml")
    assert index.read() == {}
    entries = {
        ("passphrase", "/ä b/#: k"): Listed(1_700_000_000.0, "GNOME Keyring"),
        ("token", "\udcff\u2028\x00\n"): Listed(1_700_000_001.0, ""),
        ("token", "true"): Listed(1_700_000_002.0, "12"),
    }
    for key, listed in entries.items():
        index.add(key, listed)  # type: ignore[arg-type]
    assert Index(index.path).read() == entries
    assert stat.S_IMODE(index.path.stat().st_mode) == 0o600
    index.path.chmod(0o644)
    index.remove(("token", "true"))
    assert stat.S_IMODE(index.path.stat().st_mode) == 0o600
    assert list(index.read()) == list(entries)[:2]
    assert [path.name for path in index.path.parent.iterdir() if path.name != ".lock"] == ["credentials.yaml"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("entries: [", "did not find expected node content"),
        ("- a\n", "line 1: this is not a list of credentials"),
        ("entries: 3\n", "not a list"),
        ("entries:\n  - 3\n", "line 2: this is not a credential"),
        ("entries:\n  - kind: key\n    subject: x\n", "line 2: kind: 'key' is not one of passphrase, password, token"),
        ("entries:\n  - kind: token\n", "line 2: subject: this is not text"),
        ("entries:\n  - kind: token\n    subject: x\n    created: soon\n", "'soon' is not a time"),
        ("\xff", "UTF-8"),
    ],
)
async def test_that_a_broken_list_is_one_sentence_and_stays(
    rh_home: Path, secret_service: SecretService, text: str, words: str
) -> None:
    credentials = Credentials(rh_home)
    await credentials.put("token", "before", "1")
    file = rh_home / "credentials.yaml"
    broken = text.encode("latin-1")
    file.write_bytes(broken)
    with pytest.raises(RhError, match=r"credentials\.yaml") as caught:
        await credentials.list()
    assert words in caught.value.sentence
    kept = await credentials.put("token", "after", "2")
    assert kept.where == "session"
    assert "was not changed, because" in kept.reason
    assert "Mend" in kept.remedy
    with pytest.raises(RhError, match="was not changed"):
        await credentials.remove("token", "before")
    assert await credentials.get("token", "before") == "1", "what is in the keyring is of use all the same"
    assert file.read_bytes() == broken


async def test_that_a_secret_that_cannot_be_listed_is_not_kept(rh_home: Path, secret_service: SecretService) -> None:
    credentials = Credentials(rh_home)
    (rh_home / "credentials.yaml").mkdir(parents=True)
    assert (await credentials.put("token", "t", "1")).where == "session"
    assert await Credentials(rh_home).get("token", "t") is None


PROGRAM = """
import sys
from pathlib import Path
from rhresources.credentials.index import Index, Listed

index = Index(Path(sys.argv[1]))
for number in range(40):
    index.add(("token", f"{sys.argv[2]} {number}"), Listed(1.0, ""))
    if number % 2:
        index.remove(("token", f"{sys.argv[2]} {number - 1}"))
"""


def test_that_processes_do_not_lose_entries_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "credentials.yaml"
    writers = [subprocess.Popen([sys.executable, "-c", PROGRAM, str(path), name]) for name in ("a", "b", "c")]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    assert {subject for _, subject in Index(path).read()} == {
        f"{name} {number}" for name in ("a", "b", "c") for number in range(1, 40, 2)
    }
