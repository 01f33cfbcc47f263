# One virtual environment for one version: made under a lock, marked complete at the end, and mended where it was
# left half-made.

lock() {
    make_folder "$installs"
    if command -v flock >/dev/null 2>&1; then
        # in a subshell first: a redirection that fails would end this shell
        words=$( (: >>"$installs/lock") 2>&1) || problem write "$words"
        exec 9>>"$installs/lock"
        flock -n 9 && return
        say "waits"
        flock 9
        return
    fi
    while ! words=$(mkdir "$installs/lock.held" 2>&1); do
        [ -d "$installs/lock.held" ] || problem write "$words"
        holder=$(cat "$installs/lock.held/process" 2>/dev/null)
        case $(words_of "${holder:-$$}") in
        '') rm -rf "$installs/lock.held" ;; # who held it is gone
        *)
            [ -n "$waited" ] || say "waits"
            waited=yes
            sleep 0.5
            ;;
        esac
    done
    echo $$ >"$installs/lock.held/process"
    trap 'rm -rf "$installs/lock.held"' EXIT
}

main() {
    place=$installs/$version
    lock
    files=$installs/files
    # also what broken bring-ups left
    find "$files" -type f -mmin +60 -exec rm -f {} + 2>/dev/null
    if [ -r "$place/complete" ]; then
        rm -f "$files/$version.lock" "$files/$wheel"
        say "install $(one_line "$place/complete")"
        return 0
    fi
    cd "$installs" || problem write "$installs cannot be entered"
    options="--compile-bytecode"
    [ -n "$wheels" ] && options="$options --offline --no-index"
    # a folder without a usable Python is what an interrupted "uv venv" leaves
    if ! "$place/bin/python" -c '' 2>/dev/null; then
        say "step environment"
        rm -rf "$place"
        if [ -n "$wheels" ]; then
            "$uv" venv -q --no-project --offline --python "$python" "$place" || problem environment
        else
            "$uv" venv -q --no-project --python "$python" "$place" || problem environment
        fi
    fi
    say "step packages"
    if [ -n "$wheels" ]; then set -- --find-links "$installs/wheels"; else set --; fi
    # shellcheck disable=SC2086 # options are words
    # uv's cache may be shared with others; $place is private
    (umask "$usual_mask" && exec "$uv" pip install $options "$@" --python "$place/bin/python" \
        -c "$files/$version.lock" "$files/$wheel[server]") || problem packages
    say "step trying it"
    found=$("$place/bin/python" -c "$trial" 2>&1) || {
        printf '%s\n' "$found"
        problem broken
    }
    words=$( (printf '%s\n' "$found" >"$place/complete.part" && mv "$place/complete.part" "$place/complete") 2>&1) ||
        problem write "$words"
    rm -f "$files/$version.lock" "$files/$wheel"
    say "install $found"
}
