# Installs uv with the pip of the host, where nothing here could be sent.

main() {
    place=$installs/uv-$uv_version
    make_folder "$installs"
    command -v "$python" >/dev/null 2>&1 || python=python3
    if ! "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m venv "$place" && python=$place/bin/python || problem pip
        "$python" -m pip install -q --disable-pip-version-check "uv==$uv_version" || problem pip
        ln -sf bin/uv "$place/uv"
    else
        "$python" -m pip install -q --disable-pip-version-check --target "$place" "uv==$uv_version" || problem pip
        ln -sf bin/uv "$place/uv"
    fi
    "$place/uv" --version && say "uv $place/uv"
}
