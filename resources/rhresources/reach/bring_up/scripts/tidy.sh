# Removes installations of other versions that no process runs from, and files that half-made ones left.

main() {
    for place in "$installs"/*/; do
        place=${place%/}
        name=${place##*/}
        case $name in
        "$version" | uv-* | files | wheels | lock.held | '*') continue ;;
        esac
        # another client's bring-up may be under way: it installs, or has installed and is about to start from there
        if [ -e "$place/complete" ]; then
            [ -n "$(find "$place/complete" -mmin +10 2>/dev/null)" ] || continue
        else
            [ -n "$(find "$place" -maxdepth 0 -mtime +0 2>/dev/null)" ] || continue
        fi
        in_use "$place" || { rm -rf "$place" && say "removed $name"; }
    done
    return 0
}

in_use() {
    if [ -d /proc/self ]; then
        for process in /proc/[0-9]*; do
            [ -r "$process/maps" ] && grep -qF "$1/" "$process/maps" 2>/dev/null && return 0
        done
        return 1
    fi
    ps -axo args= 2>/dev/null | grep -F "$1/" | grep -qv grep
}
