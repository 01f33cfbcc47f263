#!/bin/bash
# Chooses versions for every Python and platform and writes them with their hashes: requirements.lock for rhdesk,
# skypilot.lock for the environment that SkyPilot has of its own, and those of the tests' clouds.
# Extra arguments go to uv, e.g. `--upgrade` or `--upgrade-package ray`.

source "$(dirname "$0")/common.sh"
uv=uv
[ -x .venv/bin/uv ] && uv=.venv/bin/uv

# no configuration of this machine: a lock must not name an index, a host or a folder
compile() {
    env -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS "$uv" pip compile -q --no-config --universal \
        --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
        --custom-compile-command "make lock" "$@"
}

compile --extra desktop --extra server --extra registry --extra dev "$@" pyproject.toml -o packaging/requirements.lock
compile "$@" packaging/skypilot.in -o packaging/skypilot.lock
for name in moto node; do
    compile "$@" tests/lab/clouds/$name.in -o tests/lab/clouds/$name.lock
done
for version in 0.0.5 0.0.42; do
    old=tests/lab/old_clients/runhouse-$version
    overrides=$old.overrides
    [ -f "$overrides" ] && compile "$@" --override "$overrides" $old.in -o $old.lock || compile "$@" $old.in -o $old.lock
done
