"""What is chosen for hosts: Python, uv, wheels, rooms, addresses; and what installers' words become."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from rhresources.errors import RhError
from rhresources.reach.asking import AskedOnce
from rhresources.reach.bring_up import problems, tools
from rhresources.reach.bring_up.host import Answer, _Lines
from rhresources.reach.bring_up.nodes import Engine, is_joined, room_of
from rhresources.reach.bring_up.state import state_of
from rhresources.reach.bring_up.tools import Tools, choose_pythons, fits_platform, tools_of
from rhresources.reach.bring_up.wheels import needed_wheels
from rhresources.reach.questions import HostKeyQuestion, SecretAnswer, SecretQuestion

OWN = f"3.{sys.version_info[1]}"


def having(*versions: str, system: str = "Linux", machine: str = "x86_64", musl: bool = False) -> Tools:
    pythons = tuple((tools.parse_version(version), f"/py/{version}") for version in versions)
    return Tools(system, machine, musl, pythons, ())


def test_the_own_minor_version_comes_first_then_the_newest_that_packages_are_made_for() -> None:
    assert choose_pythons({"a": having("3.12.1", f"{OWN}.4", "3.13.0")}, None) == {"a": f"/py/{OWN}.4"}
    others = [version for version in ("3.12.1", "3.13.2", "3.14.0") if not version.startswith(f"{OWN}.")]
    assert choose_pythons({"a": having(*others)}, None) == {"a": "/py/3.13.2"}
    assert choose_pythons({"a": having("3.15.0", "3.14.1")}, None) == {"a": "/py/3.14.1"}


def test_hosts_of_one_cluster_get_the_same_version() -> None:
    chosen = choose_pythons({"a": having(f"{OWN}.2", "3.13.1"), "b": having("3.9.2", "3.13.1")}, None)
    assert chosen == {"a": "/py/3.13.1", "b": "/py/3.13.1"}
    # the same minor version where no whole one is shared
    chosen = choose_pythons({"a": having("3.12.1"), "b": having("3.12.9", "3.13.0")}, None)
    assert chosen == {"a": "/py/3.12.1", "b": "/py/3.12.9"}
    # else uv fetches one for who lacks it
    chosen = choose_pythons({"a": having("3.12.1"), "b": having("3.9.2")}, None)
    assert chosen == {"a": "/py/3.12.1", "b": "3.12"}
    with pytest.raises(RhError, match=r"no version of Python in common: a has 3\.12\.1; b has 3\.13\.0"):
        choose_pythons({"a": having("3.12.1"), "b": having("3.13.0")}, None, managed=False)


def test_a_python_that_is_asked_for_is_taken_or_named_as_missing() -> None:
    assert choose_pythons({"a": having("3.12.1", "3.11.9")}, "3.12") == {"a": "/py/3.12.1"}
    assert choose_pythons({"a": having("3.11.9")}, "3.13") == {"a": "3.13"}
    with pytest.raises(RhError, match=r"`python: 3\.13` does not fit a: it is not there"):
        choose_pythons({"a": having("3.11.9")}, "3.13", managed=False)
    assert choose_pythons({"a": having("3.11.9")}, "/py/3.11.9") == {"a": "/py/3.11.9"}
    with pytest.raises(RhError, match=r"it is Python 3\.9\.2"):
        choose_pythons({"a": having("3.9.2")}, "/py/3.9.2")
    gone = Tools("Linux", "x86_64", False, (), (), missing_python="/opt/py")
    with pytest.raises(RhError, match="there is no such file"):
        choose_pythons({"a": gone}, "/opt/py")


def test_too_old_everywhere_is_one_sentence_with_the_field_that_mends_it() -> None:
    with pytest.raises(RhError) as old:
        choose_pythons({"gpu1": having("3.9.2", "3.8.1")}, None, managed=False)
    assert old.value.sentence == "gpu1 has only Python 3.9.2; 3.11 or newer is needed."
    assert "`python:`" in old.value.remedy
    assert old.value.code == "python-too-old"


def test_what_a_host_says_of_its_tools_is_understood() -> None:
    answer = Answer(
        {
            "system": ["Linux"], "machine": ["arm64"], "libc": ["musl"],
            "python": ["3.11.2 /usr/bin/python3", "3.11.2 /usr/bin/python3", "3.9.1 /opt/my python/bin/python3"],
            "uv": ["0.13.9 (x86_64-unknown-linux-gnu) in /home/a b/uv", "nonsense in /x/uv"],
            "space": ["2048 /home/a b"], "gpu": ["NVIDIA A100-SXM4-80GB, 81920", "odd, ?"],
        }
    )  # fmt: skip
    found = tools_of(answer)
    assert found.machine == "aarch64"
    assert found.kind == "Linux aarch64 (musl)"
    assert found.pythons == (((3, 11, 2), "/usr/bin/python3"), ((3, 9, 1), "/opt/my python/bin/python3"))
    assert found.uvs == (((0, 13, 9), "/home/a b/uv"), ((), "/x/uv"))
    assert (found.space, found.folder) == (2 * 1024**2, "/home/a b")
    assert found.gpus == (("NVIDIA A100-SXM4-80GB", 80 * 1024**3), ("odd", 0))


@pytest.mark.parametrize(
    ("wheel", "there", "fits"),
    [
        ("ray-2.60.0-cp311-cp311-manylinux2014_x86_64.whl", having(), True),
        ("ray-2.60.0-cp311-cp311-manylinux2014_x86_64.whl", having(machine="aarch64"), False),
        ("ray-2.60.0-cp311-cp311-manylinux2014_x86_64.whl", having(musl=True), False),
        ("uv-0.13.9-py3-none-musllinux_1_1_x86_64.whl", having(musl=True), True),
        ("uv-0.13.9-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", having(), True),
        ("uv-0.13.9-py3-none-macosx_11_0_arm64.whl", having(system="Darwin", machine="aarch64"), True),
        ("x-1-cp311-cp311-macosx_11_0_universal2.whl", having(system="Darwin"), True),
        ("x-1-cp311-cp311-win_amd64.whl", having(), False),
        ("click-8-py3-none-any.whl", having(system="FreeBSD"), True),
    ],
)
def test_wheels_fit_systems_by_their_tags(wheel: str, there: Tools, fits: bool) -> None:
    assert fits_platform(wheel, there) is fits


def make_wheel(folder: Path, name: str, *requires: str) -> None:
    with zipfile.ZipFile(folder / name, "w") as archive:
        stem = "-".join(name.split("-")[:2])
        lines = "".join(f"Requires-Dist: {each}\n" for each in requires)
        archive.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\n{lines}\nRequires-Dist: nothing\n")


def test_of_a_folder_of_wheels_only_what_the_server_needs_is_taken(tmp_path: Path) -> None:
    for name, *requires in (
        ("ray-2.60.0-cp311-cp311-manylinux2014_x86_64.whl", "msgpack<2", "aiohttp; extra == 'default'"),
        ("ray-2.60.0-cp312-cp312-manylinux2014_x86_64.whl",),
        ("ray-2.59.0-cp311-cp311-manylinux2014_x86_64.whl",),
        ("msgpack-1.1-cp311-cp311-manylinux2014_x86_64.whl",),
        ("aiohttp-3-py3-none-any.whl",),
        ("uv-0.13.9-py3-none-manylinux2014_x86_64.whl",),
        ("PySide6_Essentials-6.11.3-cp310-abi3-manylinux_2_28_x86_64.whl",),
        ("PyYAML-6.0.2-cp311-cp311-manylinux2014_x86_64.whl",),
    ):
        make_wheel(tmp_path, name, *requires)
    lock = "ray==2.60.0\nmsgpack==1.1\n"
    found = [wheel.name for wheel in needed_wheels(tmp_path, having(), (3, 11, 4), lock)]
    assert found == [
        "PyYAML-6.0.2-cp311-cp311-manylinux2014_x86_64.whl",
        "msgpack-1.1-cp311-cp311-manylinux2014_x86_64.whl",
        "ray-2.60.0-cp311-cp311-manylinux2014_x86_64.whl",
        "uv-0.13.9-py3-none-manylinux2014_x86_64.whl",
    ]
    (tmp_path / "aiohttp-3-py3-none-any.whl").unlink()
    with pytest.raises(RhError, match="holds no wheel that fits Linux aarch64"):
        needed_wheels(tmp_path, having(machine="aarch64"), (3, 11), lock)


@pytest.mark.parametrize(
    ("output", "wheels", "sentence"),
    [
        ("error: Failed to write\n  Caused by: No space left on device (os error 28)", "", "The disk of h is full."),
        ("error: x\n  Caused by: Disk quota exceeded (os error 122)", "", "Your disk quota on h is used up."),
        ("mkdir: cannot create directory '/home/a': Read-only file system", "", "h cannot be written to: /home/a is"),
        ("error: failed to open file `/home/a b`: Permission denied (os error 13)", "", "h does not let you write"),
        ("error: Failed to fetch: `https://x/`\n  Caused by: dns error", "", "h cannot reach the package index."),
        (
            "  × No solution found when resolving dependencies:\n  ╰─▶ Because psutil was not found in the provided"
            " package locations and rhdesk depends on psutil>=7,", "/w", "The folder of wheels has no psutil that fits",
        ),
        ("error: something new", "", "rhdesk could not be installed on h: something new."),
    ],
)  # fmt: skip
def test_an_installers_words_become_one_sentence(output: str, wheels: str, sentence: str) -> None:
    error = problems.not_installed(
        "h", "packages", output.splitlines(), python="3.11.2", wheels=wheels, pythons=(), fetched=False
    )
    assert error.sentence.startswith(sentence)
    assert error.remedy
    assert error.detail == output


def test_a_host_in_several_clusters_has_a_room_for_each() -> None:
    assert room_of("gpu1", "gpu1") == "server"
    assert room_of("gpu1", "gpu2") == "nodes/gpu1/gpu2"
    assert room_of("fe80::1", "10.0.0.2") == "nodes/fe80__1/10.0.0.2"


def test_a_host_belongs_to_the_ray_that_it_was_told_to_join() -> None:
    words = "9 /x/python -m rhserver --home /h --join 10.0.0.1:6379 --address 10.0.0.2"
    answer = Answer({"node": ['{"pid": 9, "state": "joined"}'], "node-lives": [words]})
    assert is_joined(state_of(answer), Engine("10.0.0.1:6379", "t"))
    assert not is_joined(state_of(answer), Engine("10.0.0.1:637", "t"))
    answer.values["node"] = ['{"pid": 9, "state": "starting"}']
    assert not is_joined(state_of(answer), Engine("10.0.0.1:6379", "t"))
    assert "secret" not in repr(Engine("10.0.0.1:6379", "secret"))


def test_answers_are_told_from_noise_however_they_are_cut() -> None:
    text = b"Welcome!\nno end of line@@x begin\n@@x rh /home/a b\n\x1b[1mResolved\x1b[0m 5 packages\r\n@@x end\nbye"
    for size in (1, 3, 7, 1000):
        answer, lines = Answer(), []
        reader = _Lines("@@x", answer, lines.append, None)
        for start in range(0, len(text), size):
            reader.feed(text[start : start + size])
        reader.end()
        assert reader.begun
        assert answer.one("rh") == "/home/a b"
        assert lines == ["Resolved 5 packages", "bye"]
        assert "/home" not in repr(answer)


async def test_the_same_question_of_several_hosts_is_asked_once() -> None:
    asked: list[str] = []

    class Person:
        async def confirm_host_key(self, question: HostKeyQuestion) -> bool:
            asked.append(question.host)
            return True

        async def ask_secret(self, question: SecretQuestion) -> SecretAnswer | None:
            asked.append(question.prompt)
            return SecretAnswer(f"{len(asked)}")

    once = AskedOnce(Person())
    passphrase = SecretQuestion("passphrase", "~/.ssh/id", "Passphrase of ~/.ssh/id")
    first, second = await once.ask_secret(passphrase), await once.ask_secret(passphrase)
    assert first == second
    again = SecretQuestion("passphrase", "~/.ssh/id", "Passphrase of ~/.ssh/id", again=True)
    assert await once.ask_secret(again) != first
    code = SecretQuestion("answer", "a@b", "Code")
    assert await once.ask_secret(code) != await once.ask_secret(code)
    for host in ("a", "a", "b"):
        assert await once.confirm_host_key(HostKeyQuestion(host, 22, "ssh-ed25519", "SHA256:x", "f"))
    assert asked[-2:] == ["a", "b"]
    assert len(asked) == 6
