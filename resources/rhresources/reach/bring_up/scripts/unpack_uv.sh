# Unpacks the uv that was sent, and tries whether it runs here.

main() {
    packed=$installs/files/$name.gz
    make_folder "$installs/$name"
    words=$( (gzip -dc "$packed" >"$installs/$name/uv.part" && chmod 700 "$installs/$name/uv.part") 2>&1) ||
        problem write "$words"
    rm -f "$packed"
    if "$installs/$name/uv.part" --version; then
        mv "$installs/$name/uv.part" "$installs/$name/uv"
        say "uv $installs/$name/uv"
    else
        rm -rf "${installs:?}/$name"
    fi
}
