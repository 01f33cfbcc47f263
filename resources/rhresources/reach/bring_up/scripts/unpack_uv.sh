# Unpacks the uv that was sent, and tries whether it runs here.

main() {
    packed=$installs/files/$file
    part=$installs/$name/$file.part
    make_folder "$installs/$name"
    words=$( (gzip -dc "$packed" >"$part" && chmod 700 "$part") 2>&1) || {
        rm -f "$part"
        problem write "$words"
    }
    rm -f "$packed"
    if "$part" --version; then
        mv -f "$part" "$installs/$name/uv"
        say "uv $installs/$name/uv"
    else
        rm -f "$part"
    fi
}
