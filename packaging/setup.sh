#!/bin/bash
# Installs what is missing: packages of the system, uv, and .venv from requirements.lock.
#
#   setup.sh run     what the window, the library and the command line need
#   setup.sh test    that, and what the tests and benchmarks need
#
# Run again it finds everything in place and ends at once.

source "$(dirname "$0")/common.sh"
purpose=${1:-run}
oldest='(3, 11)'

# ---------------------------------------------------------------- packages of the system

# The best Python that is new enough; a shim may exist and still not run, so each is asked.
find_python() {
    local candidate
    for candidate in python3.13 python3.12 python3.11 python3 /usr/bin/python3; do
        if "$candidate" -c "import sys; sys.exit(sys.version_info < $oldest)" >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# What Qt loads, offscreen and on X11 and Wayland; alternatives (Debian 12 | newer) are joined by "|".
qt_packages='libglib2.0-0|libglib2.0-0t64 libgl1 libegl1 libfontconfig1 libdbus-1-3 libxkbcommon0
    libxcb-cursor0 libxkbcommon-x11-0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libwayland-cursor0'

is_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

missing_packages() {
    local wanted name python
    if ! python=$(find_python); then
        command -v python3 >/dev/null || echo python3 python3-venv
    elif ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        echo python3-venv
    fi
    command -v git >/dev/null || echo git
    if [ "$purpose" = test ]; then
        command -v Xvfb >/dev/null || echo xvfb
        command -v xauth >/dev/null || echo xauth
        command -v rsync >/dev/null || echo rsync
        # real SSH servers, a real keyring, hosts of their own: what the tests of other machines run against
        [ -x /usr/sbin/sshd ] || echo openssh-server
        command -v ssh >/dev/null || echo openssh-client
        command -v gnome-keyring-daemon >/dev/null || echo gnome-keyring
        command -v dbus-daemon >/dev/null || echo dbus-daemon
        command -v xdotool >/dev/null || echo xdotool
        [ -x /usr/sbin/ip ] || [ -x /sbin/ip ] || echo iproute2
        command -v openssl >/dev/null || echo openssl
        command -v git-lfs >/dev/null || echo git-lfs
        # the registry's other database
        compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || echo postgresql
        # clouds of their own, for the tests of SkyPilot: what its nodes run, and a Slurm
        command -v curl >/dev/null || echo curl
        command -v sudo >/dev/null || echo sudo
        command -v patch >/dev/null || echo patch
        command -v ps >/dev/null || echo procps
        [ -x /usr/sbin/slurmctld ] || echo slurmctld
        [ -x /usr/sbin/slurmd ] || echo slurmd
        command -v sinfo >/dev/null || echo slurm-client
        [ -x /usr/sbin/munged ] || echo munge
    fi
    command -v dpkg-query >/dev/null || return 0
    for wanted in $qt_packages; do
        for name in ${wanted//|/ }; do
            is_installed "$name" && continue 2
        done
        echo "$wanted"
    done
}

# Of "a|b" the one that this release of the system has.
choose() {
    local wanted name
    for wanted in "$@"; do
        for name in ${wanted//|/ }; do
            if [ "$name" = "$wanted" ] || apt-cache show "$name" >/dev/null 2>&1; then
                echo "$name"
                break
            fi
        done
    done
}

read -r -a missing < <(missing_packages | tr '\n' ' ') || true
if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        export DEBIAN_FRONTEND=noninteractive
        log=$(mktemp)
        apt-get update -qq >"$log" 2>&1 || true
        read -r -a chosen < <(choose "${missing[@]}" | tr '\n' ' ') || true
        say "Installing ${chosen[*]} ..."
        if ! apt-get install -y -qq --no-install-recommends "${chosen[@]}" >>"$log" 2>&1; then
            tail -n 20 "$log" >&2
            fail "apt-get could not install ${chosen[*]}; its last words are above."
        fi
        rm -f "$log"
    elif command -v apt-get >/dev/null; then
        read -r -a chosen < <(choose "${missing[@]}" | tr '\n' ' ') || true
        fail "Missing packages; install them with: sudo apt-get install ${chosen[*]}"
    else
        fail "Missing; install these with the package manager of this system (Debian's names): ${missing[*]}"
    fi
fi
python=$(find_python) || fail "rhdesk needs Python 3.11 or newer, and python3 on PATH is \
$(python3 --version 2>&1 | tail -n 1); install a newer one, or put it first on PATH."

# ---------------------------------------------------------------- .venv from the lock file

install() {
    local stamp=.venv/.installed want have moved uv version
    want="$PWD $(cat packaging/requirements.lock pyproject.toml | sha256sum | cut -c 1-64)"
    have=$(cat $stamp 2>/dev/null || true)
    [ "$have" = "$want" ] && [ -x .venv/bin/rhdesk ] && return

    if [ -d .venv ]; then
        moved=$([ -n "$have" ] && [ "${have% *}" != "$PWD" ] && echo yes || true)
        if [ -n "$moved" ] || ! .venv/bin/python -c "import sys; sys.exit(sys.version_info < $oldest)" 2>/dev/null; then
            rm -rf .venv
        fi
    fi

    if [ -x .venv/bin/uv ]; then
        uv=.venv/bin/uv
    elif uv --version >/dev/null 2>&1; then
        uv=$(command -v uv)
        [ -d .venv ] || "$uv" venv -q --no-config --python "$python" .venv
    else
        say "Installing uv ..."
        [ -d .venv ] || "$python" -m venv .venv
        .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null
        version=$(sed -n 's/^uv==\([^ ;]*\).*/\1/p' packaging/requirements.lock)
        .venv/bin/python -m pip install -q --disable-pip-version-check --force-reinstall "uv==$version"
        uv=.venv/bin/uv
    fi

    say "Installing $(grep -c '^[a-z]' packaging/requirements.lock) Python packages into .venv ..."
    rm -f $stamp
    "$uv" pip install -q --no-config --python .venv/bin/python --compile-bytecode --require-hashes \
        -r packaging/requirements.lock
    "$uv" pip install -q --no-config --python .venv/bin/python --no-deps --editable .
    echo "$want" >$stamp
}
install

# ---------------------------------------------------------------- what the clouds of the tests are made of

[ "$purpose" = test ] || exit 0
PYTHONPATH=tests .venv/bin/python -m lab.clouds.downloads >&2
