"""What the labs download, once a machine: environments from lock files, kept in a folder of caches.

`python -m lab.clouds.downloads`, which `packaging/setup.sh test` runs, makes all of them; labs make what is missing.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
NODE_PYTHONS = ("/usr/bin/python3.11", "/usr/local/bin/python3.11", "/usr/bin/python3.10", "/usr/local/bin/python3.10")
"""What SkyPilot's set-up of a node can run on here: of Ray 2.9.3 there are no wheels for newer ones."""

NODE_USER_ID = 20_500

HOME = Path(pwd.getpwuid(os.geteuid()).pw_dir)
"""Of who runs the tests; not $HOME, as each test has one of its own."""

_SLURM_NODE = ("setuptools<70", "click<8.3.0", "skypilot[slurm,remote]==0.14.1")

_LOCKS = Path(__file__).parent
_KEPT = ("PATH", "UV_CACHE_DIR", "SSL_CERT_FILE", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_OFFLINE", "UV_FIND_LINKS")


def cache_folder() -> Path:
    """Where they are kept."""
    return Path(os.environ.get("RHDESK_TEST_CACHE") or HOME / ".cache" / "rhdesk-tests")


def uv_program() -> Path:
    """The uv of this environment."""
    found = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if found is None:
        raise RuntimeError("there is no uv beside this Python; `make test` installs it")
    return Path(found)


def node_python() -> Path:
    """The Python of the instances' SkyPilot.

    Raises:
        RuntimeError: this machine has none that fits.
    """
    for candidate in map(Path, NODE_PYTHONS):
        if candidate.exists():
            return candidate
    raise RuntimeError(f"SkyPilot's nodes need one of {', '.join(NODE_PYTHONS)}, as Debian 12 has it")


def skypilot_environment(on_start: Callable[[], None] = lambda: None) -> Path:
    """An environment with the SkyPilot of packaging/skypilot.lock, as rhdesk makes it for itself."""
    lock = PROJECT / "packaging" / "skypilot.lock"
    return _kept("skypilot", lock, lambda folder: _environment(folder, Path(sys.executable), lock), on_start)


def moto_environment(on_start: Callable[[], None] = lambda: None) -> Path:
    """An environment with moto."""
    lock = _LOCKS / "moto.lock"
    return _kept("moto", lock, lambda folder: _environment(folder, Path(sys.executable), lock), on_start)


def node_home(on_start: Callable[[], None] = lambda: None) -> Path:
    """The home of the user of an instance: SkyPilot's runtime with its Ray, and uv, as in SkyPilot's machine images."""
    lock = _LOCKS / "node.lock"

    def make(folder: Path) -> None:
        # copies: the home gets another owner, which files of the cache must not
        _environment(folder / "skypilot-runtime", node_python(), lock, "--seed", link_mode="copy")
        # SkyPilot puts its own build of it there, and must find all that it needs without looking further
        _uv("pip", "uninstall", "--python", str(folder / "skypilot-runtime" / "bin" / "python"), "skypilot")
        (folder / ".local" / "bin").mkdir(parents=True)
        shutil.copy2(uv_program(), folder / ".local" / "bin" / "uv")
        _give_away(folder)

    return _kept("node", lock, make, on_start)


def node_wheels(on_start: Callable[[], None] = lambda: None) -> Path:
    """A cache of uv with what SkyPilot's set-up of a Slurm node asks for, and `constraints.txt` that leads to it."""
    lock = _LOCKS / "node.lock"

    def make(folder: Path) -> None:
        folder.mkdir()
        constraints = folder / "constraints.txt"
        lines = (line.rstrip(" \\") for line in lock.read_text().splitlines())
        constraints.write_text("\n".join(line for line in lines if line and not line.startswith((" ", "#"))) + "\n")
        trial = folder / "trial"
        cache = ["--cache-dir", str(folder)]
        _uv("venv", "--seed", "--python", str(node_python()), *cache, str(trial))
        install = ["pip", "install", "--python", str(trial / "bin" / "python"), "-c", str(constraints), *cache]
        for wanted in _SLURM_NODE:
            _uv(*install, wanted)
        shutil.rmtree(trial)
        _give_away(folder)

    return _kept("wheels", lock, make, on_start)


def runhouse_environment(version: str, on_start: Callable[[], None] = lambda: None) -> Path:
    """An environment with that version of Runhouse, which runs on no Python above 3.12."""
    lock = _LOCKS.parent / "old_clients" / f"runhouse-{version}.lock"
    python = Path(sys.executable) if sys.version_info < (3, 13) else node_python()
    # what it wants is not looked at again: the lock has newer packages than it allows
    return _kept(f"runhouse-{version}", lock, lambda folder: _environment(folder, python, lock, alone=True), on_start)


def _give_away(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NODE_USER_ID, NODE_USER_ID, follow_symlinks=False)


def _environment(
    folder: Path, python: Path, lock: Path, *options: str, link_mode: str = "", alone: bool = False
) -> None:
    _uv("venv", "--relocatable", *options, "--python", str(python), str(folder))
    more = [*(["--link-mode", link_mode] if link_mode else []), *(["--no-deps"] if alone else [])]
    there = str(folder / "bin" / "python")
    _uv("pip", "install", "--python", there, "--compile-bytecode", "--require-hashes", *more, "-r", str(lock))


def _uv(*words: str) -> None:
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {"HOME": str(HOME), "UV_PYTHON_DOWNLOADS": "never"}
    command = [str(uv_program()), words[0], *words[1:2], "-q", "--no-config", *words[2:]]
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)[:300]}: {done.stderr.strip()[-2000:]}")


def _kept(name: str, lock: Path, make: Callable[[Path], None], on_start: Callable[[], None]) -> Path:
    """What `make` makes of a lock file, made once, whoever asks first."""
    kept = cache_folder()
    kept.mkdir(parents=True, exist_ok=True)
    recipe = f"{lock.read_text()}\n{Path(sys.base_prefix).resolve()}\n{sys.version_info[:2]}"
    folder = kept / f"{name}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    with (kept / f"{name}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not folder.exists():
            on_start()
            part = kept / f"{name}.part"
            shutil.rmtree(part, ignore_errors=True)
            make(part)
            part.rename(folder)
    return folder


def main() -> None:
    """Make all of them that are not there yet."""
    for version in ("0.0.5", "0.0.42"):
        note = f"Making the environment of Runhouse {version} for the tests ..."
        runhouse_environment(version, lambda note=note: print(note, flush=True))  # type: ignore[misc]
    if os.geteuid() != 0:
        return  # hosts of clouds have users of their own, which only root can start
    try:
        node_python()
    except RuntimeError as error:
        print(f"The tests on clouds are skipped: {error}")
        return
    for what, make in (
        ("SkyPilot", skypilot_environment),
        ("moto", moto_environment),
        ("nodes", node_home),
        ("Slurm", node_wheels),
    ):
        make(lambda what=what: print(f"Making the environment of {what} for the tests ...", flush=True))


if __name__ == "__main__":
    main()
