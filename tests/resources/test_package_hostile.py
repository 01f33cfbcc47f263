"""Packages from people who mean harm: refused with one sentence, and nothing is run, opened or asked."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from rhresources.documents import parse_document, yaml
from rhresources.errors import DocumentError, RhError, UsageError
from rhresources.packages import parse_package
from rhresources.resource_names import ResourceNames

LINES = [
    # options where a package belongs, and options that would do something else
    "-r /etc/passwd",
    "--index-url=https://evil/",
    "pip:-e .",
    "reqs:--help",
    "conda:--file=/etc/passwd",
    "git:-u x",
    "local:-x",
    "'-rf'",
    "numpy --target=/usr/lib",
    "numpy -t /",
    "numpy --prefix /",
    "numpy --root=/",
    "numpy --system",
    "numpy --python /bin/sh",
    "numpy --break-system-packages",
    "numpy --config-file=/tmp/uv.toml",
    "numpy -- -r x",
    "numpy --build-constraint=x",
    "numpy --global-option=x",
    "numpy --install-option=x",
    "numpy --keyring-provider=subprocess",
    "numpy --directory=/",
    "numpy --cache-dir=/",
    "numpy --index-url",
    "numpy --index-url=--target=/",
    "numpy -f ../../wheels",
    "numpy --no-deps pandas",
    "conda:numpy --prefix=/",
    "conda:numpy -p /",
    "conda:numpy -c ../x",
    "conda:numpy --file x",
    "local:./ --no-deps",
    "./ -c ../../limits.txt",
    "./ --override=/etc/passwd",
    # shells
    "numpy; rm -rf ~",
    "numpy; touch x",
    "numpy && id",
    "numpy | sh",
    "$(id)",
    "`id`",
    "numpy$(id)",
    "numpy`id`",
    "numpy>$HOME",
    "numpy\nid",
    "numpy\rid",
    "${HOME}",
    "numpy&",
    "conda:numpy;id",
    "conda:$(id)",
    "pip:numpy 'id'",
    # addresses that make git or ssh run something, or that lead astray
    "git:ext::sh -c id",
    "git:ext::sh%20-c%20id",
    "git:ssh://-oProxyCommand=id/r",
    "git:ssh://u@-oProxyCommand=id/r",
    "git:-oProxyCommand=id:r",
    "git:u@-oProxyCommand=id:r",
    "git:git@host:-x",
    "git:fd::17/x",
    "git:https://host",
    "git:ftp://host/r",
    "git:git://host/r",
    "git:file://host/r",
    "git:javascript://host/%0aid",
    "git://-x/r",
    "git:https://host/r@--upload-pack=id",
    "git:https://host/r@../../x",
    "git:https://host/r@a b",
    "git:https://host/r@v1@v2",
    "git:https://host/r@@{-1}",
    "git:https://host/r@HEAD^{/x}",
    "git:https://host/r@refs:refs",
    "git:https://host%0ahost=x/r",
    "git:https://host/r#subdirectory=../..",
    "git:https://host/r#subdirectory=/etc",
    "git:https://host/r#subdirectory=.git/hooks",
    "git:https://host/r#subdirectory=a%2f..%2f..",
    "git:https://host/r#subdirectory=%ff",
    "git:https://host/r#checkout=sh",
    "git:https://host/r#egg=x",
    "git:https://host/r#subdirectory=a&subdirectory=b",
    "git:https://github.com/o/r/blob/main/x.py",
    "git:https://host\\@evil/r",
    "git:C:\\repo",
    "git://host/r.git",
    "https://h st/r.git",
    "git:https://[::1/r",
    "pip:git+ext::id",
    "pip:git+ssh://-oProxyCommand=id/r",
    "pip:git+git://host/r",
    "x @ ext::id",
    "x @ file://evil/etc/passwd",
    "x @ https://-h/x.whl",
    "x @ git+ssh://u@-o/x",
    "hg+https://host/r",
    "pip:svn+ssh://host/r",
    "https://host:99999/x.whl",
    # secrets, which would be saved and shown
    "git:https://user:hunter2@host/r",
    "git:https://ghp_hunter2hunter2@github.com/o/r",
    "x @ https://u:hunter2@host/x.whl",
    "numpy -i https://u:hunter2@host/simple",
    "numpy -f https://u:hunter2@host/",
    "conda:x -c https://h/t/hunter2/main",
    "git+https://u:hunter2@host/r",
    "local:https://glpat-hunter2hunter2@host/r",
    "git:https://host/o/r.git?access_token=hunter2",
    "git:https://host/o/r?ref=x&private_token=hunter2",
    "x @ https://host/x.whl?api_key=hunter2",
    "x @ https://host/x.whl?X-Amz-Signature=hunter2",
    "https://host/x.whl?a=b;Token=hunter2",
    "numpy -i https://host/simple?password=hunter2",
    "numpy -f https://host/#secret=hunter2",
    # characters that deceive
    "numpy\0",
    "num\u200bpy",
    "./\u202egpj.py",
    "numpy\u00a0--no-deps",
    "nump\u0443",
    "\ufeffnumpy",
    "./a\u2028b",
    "./\ud800",
    "numpy\x1b[2J",
    "ｎｕｍｐｙ",
    "git:https://gіthub.com/o/r",
    "git:git@gіthub.com:o/r",
    "./\U000e0041",
    "numpy\u2212\u2212pre",
    # what is no package at all
    "rh:../../etc/passwd",
    "rh:-x",
    "rh:a b",
    "~root/.ssh",
    "//evil/share",
    "local:\\\\evil\\share",
    "npm:x",
    "file:///etc/passwd#\0",
    "numpy[$(id)]",
    "numpy==1; import os",
    "numpy @ ",
    "conda:x[url=file:///etc]",
    "conda:x[channel=../y]",
    "conda:../x::y",
    "reqs:ftp://host/x",
    "local:http://a b/",
    "numpy==" + "1" * 5000,
    "[" * 1999,
    "numpy" + " " * 1990 + "!",
    "((" * 900,
    "numpy;" + "=" * 1900 + "!",  # must not take for ever
]


@pytest.fixture(autouse=True)
def nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError(f"something was done: {arguments!r}")

    for place, name in [(subprocess, "Popen"), (os, "system"), (os, "posix_spawn"), (socket.socket, "connect")]:
        monkeypatch.setattr(place, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("line", LINES)
def test_refuses_the_line(line: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_package(line)
    said = str(caught.value)
    assert said.isprintable()
    assert len(said) < 500
    assert "hunter2" not in said
    said.encode()
    # the same line in a document of a function, with the field that it stands in
    with pytest.raises(DocumentError) as refused:
        parse_document(
            {
                "kind": "function",
                "code": {"root": "/a", "file": "a.py", "name": "f"},
                "packages": ["numpy", line],
            }
        )
    assert refused.value.problems[0][0] == "packages[1]"
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"install_method": "git", "git_url": "https://user:hunter2@host/r"}, "git_url"),
        ({"install_method": "git", "git_url": "ssh://-oProxyCommand=id/r"}, "git_url"),
        ({"install_method": "git", "git_url": "https://host/r@v1"}, "git_url"),
        ({"install_method": "git", "git_url": "https://host/r#x"}, "git_url"),
        ({"install_method": "git", "git_url": "https://host/r", "revision": "-x"}, "revision"),
        ({"install_method": "git", "git_url": "https://host/r", "subdirectory": "../x"}, "subdirectory"),
        ({"install_method": "git", "git_url": "https://host/r", "subdirectory": "a/.GIT/hooks"}, "subdirectory"),
        ({"install_method": "git", "git_url": "https://host/r", "checkout": "conda"}, "checkout"),
        ({"install_method": "git", "git_url": "https://host/r", "options": ["--target=/"]}, "options[0]"),
        (
            {"install_method": "git", "git_url": "https://host/r", "checkout": "local", "options": ["--pre"]},
            "options[0]",
        ),
        ({"install_method": "git", "git_url": "https://host/r", "target": "x"}, "target"),
        ({"install_method": "pip", "target": "numpy", "git_url": "https://host/r"}, "git_url"),
        ({"install_method": "pip", "target": "numpy", "checkout": "pip"}, "checkout"),
        ({"install_method": "pip", "target": "numpy", "subdirectory": "x"}, "subdirectory"),
        ({"install_method": "pip", "target": "numpy", "options": ["--no-deps", "--root=/"]}, "options[1]"),
        ({"install_method": "pip", "target": "numpy; id"}, "target"),
        ({"install_method": "reqs", "target": "./a\u202eb"}, "target"),
        ({"install_method": "conda", "target": "numpy", "channels": ["https://h/t/hunter2/x"]}, "channels[0]"),
        ({"install_method": "sh", "target": "id"}, "install_method"),
    ],
)
def test_refuses_the_document(values: dict[str, object], field: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_document({"kind": "package", **values})
    assert caught.value.problems[0][0] == field
    assert "hunter2" not in str(caught.value) + repr(caught.value.problems) + caught.value.detail


HEAD = "kind: package\ninstall_method: pip\ntarget: numpy\n"
_ROOM = yaml.SIZE_LIMIT - 200


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a" * 100_000_000, "100,000,000 bytes long"),
        (HEAD + "é" * _ROOM, "bytes long"),
        (HEAD + "x: " + "1:1" * (_ROOM // 3), "a number is too long"),
        (HEAD + "x: " + "9_" * (_ROOM // 2), "a number is too long"),
        (HEAD + "options: [" + "a," * (_ROOM // 2) + "]", "more than 200,000 values"),
        (HEAD + "options: [" + "&a b," * 10 + "]", "an anchor of this name"),
        (HEAD + "a: &a [" + "x," * 1000 + "]\nb: [" + "*a," * 1000 + "]", "aliases unfold"),
        (HEAD + "x: " + "[" * _ROOM, "levels deep"),
        (HEAD + "x:\n " + "- " * (_ROOM // 2), "levels deep"),
        (HEAD + "x: !!python/object/apply:os.system ['id']", "is not allowed"),
        (HEAD + "\tx: 1", "a tab stands"),
        (HEAD + "x: \ud800", r"'\ud800' may not stand in YAML"),
        (HEAD + "x: \0", "may not stand in YAML"),
        (HEAD + "description: '" + ":#" * (_ROOM // 2) + "'", "characters long; 2,000 are allowed"),
    ],
    ids=lambda value: value[:40] if len(value) < 60 else "long",
)
def test_refuses_the_text(text: str, says: str, rh_home: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_document(text)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 300
    with pytest.raises(RhError):
        ResourceNames().save_text("~/bad", text)
    assert not ResourceNames().exists("~/bad"), "a store keeps nothing of it"


def test_a_long_text_is_not_edited_field_by_field() -> None:
    text = HEAD + "# x\n" * 100_000
    with pytest.raises(DocumentError, match="Change its text instead"):
        yaml.edit(text, {"target": "scipy"})
    assert yaml.edit(HEAD + "# x\n", {"target": "scipy"}) == HEAD.replace("numpy", "scipy") + "# x\n"
