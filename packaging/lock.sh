#!/bin/bash
# Chooses versions for every Python and platform and writes them with their hashes to requirements.lock.
# Extra arguments go to uv, e.g. `--upgrade` or `--upgrade-package ray`.

source "$(dirname "$0")/common.sh"
uv=uv
[ -x .venv/bin/uv ] && uv=.venv/bin/uv
# no configuration of this machine: the lock must not name an index, a host or a folder
env -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS "$uv" pip compile -q --no-config --universal \
    --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
    --extra desktop --extra server --extra dev --custom-compile-command "make lock" \
    "$@" pyproject.toml -o packaging/requirements.lock
