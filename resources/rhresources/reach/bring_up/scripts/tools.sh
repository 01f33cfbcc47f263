# Which Pythons and which uv there are, what kind of host it is, and how much space it has.

ask_python() {
    [ -x "$1" ] || return 0
    # a Python without these two cannot install or run anything that is needed
    found=$("$1" -c 'import sys, ssl, ctypes; print("%d.%d.%d" % sys.version_info[:3], sys.executable)' 2>/dev/null) &&
        say "python $found"
    return 0
}

ask_uv() {
    [ -x "$1" ] || return 0
    found=$("$1" --version 2>/dev/null) && say "uv ${found#uv } in $1"
    return 0
}

each_on_path() {
    rest=$PATH:
    while [ -n "$rest" ]; do
        folder=${rest%%:*}
        rest=${rest#*:}
        case $folder in
        # pyenv's: slow, and often of a Python that is not there
        */shims | '') ;;
        *) "$1" "$folder" ;;
        esac
    done
}

pythons_in() {
    for file in "$1"/python3 "$1"/python3.[0-9] "$1"/python3.[0-9][0-9]; do
        ask_python "$file"
    done
}

uv_in() { ask_uv "$1/uv"; }

main() {
    say "system $(uname -s)"
    say "machine $(uname -m)"
    if ls /lib/ld-musl-* >/dev/null 2>&1; then say "libc musl"; fi
    for folder in "$installs"/uv-*; do uv_in "$folder"; done
    each_on_path uv_in
    for folder in "$HOME/.local/bin" "$HOME/.cargo/bin" /usr/local/bin /opt/homebrew/bin; do uv_in "$folder"; done
    case $python in
    */*) case $python in '~/'*) python=$HOME/${python#??} ;; esac
        if [ ! -e "$python" ]; then
            say "no-python $python"
        else
            ask_python "$python"
        fi
        ;;
    *)
        each_on_path pythons_in
        for folder in /usr/local/bin /opt/homebrew/bin /opt/conda/bin /opt/python*/bin "$HOME/.local/bin" \
            "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin "$HOME"/mini*/bin "$HOME"/*conda*/bin "$HOME"/mamba*/bin \
            "${UV_PYTHON_INSTALL_DIR:-$HOME/.local/share/uv/python}"/cpython-3.*/bin; do
            [ -d "$folder" ] && pythons_in "$folder"
        done
        ;;
    esac
    folder=$rh
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    [ -w "$folder" ] || say "read-only $folder"
    say "space $(df -Pk "$folder" 2>/dev/null | awk 'NR == 2 { print $4 }') $folder"
    if [ -n "$gpu" ] && command -v nvidia-smi >/dev/null 2>&1; then
        nvidia-smi --query-gpu=name,memory.total --format=csv,noheader,nounits 2>/dev/null |
            while read -r found; do say "gpu $found"; done
    fi
    return 0
}
