# Starts a server (or the node of another host) so that it outlives this connection, and waits for what it publishes
# in $record; where $until has words, until it holds one of them in quotes. $options are its words, quoted for eval.

log=$home/$log_name
published=$home/$record

last_words() { # of the log, from where it was before
    tail -c "+$((before + 1))" "$log" 2>/dev/null | tail -c 20000
}

is_final() {
    [ -n "$until" ] || return 0
    for word in $until; do
        case $1 in *"\"$word\""*) return 0 ;; esac
    done
    return 1
}

launch() {
    before=$(($(wc -c <"$log")))
    # it sees to private files itself, and lets installers have the user's own choice
    (umask "$usual_mask" && exec $detach "$installs/$version/bin/python" -m rhserver --home "$home" "$@") \
        </dev/null >>"$log" 2>&1 &
    process=$!
}

main() {
    say "rh $rh"
    make_folder "$home"
    words=$( (: >>"$log") 2>&1) || problem write "$words"
    if [ -n "$token" ]; then
        words=$( (printf '%s' "$token" >"$home/ray-token.part" && mv "$home/ray-token.part" "$home/ray-token") 2>&1) ||
            problem write "$words"
    fi
    eval "set -- $options"
    cd "$home" || problem write "$home cannot be entered"
    old=
    [ -r "$published" ] && old=$(cat "$published")
    detach=nohup
    command -v setsid >/dev/null 2>&1 && detach="setsid nohup"
    # systemd removes the user's runtime directory when the last session ends, with every socket in it
    unset XDG_RUNTIME_DIR
    # Ray needs byte code for a quick start; the rest belongs to this connection, or would lead Python astray
    unset PYTHONDONTWRITEBYTECODE PYTHONUNBUFFERED PYTHONSTARTUP PYTHONINSPECT PYTHONPATH PYTHONHOME VIRTUAL_ENV
    unset SSH_CLIENT SSH_CONNECTION SSH_TTY SSH_AUTH_SOCK
    launch "$@"
    count=0
    while [ $count -lt $((seconds * 20)) ]; do
        lives=yes
        kill -0 $process 2>/dev/null || lives=
        new=$(cat "$published" 2>/dev/null)
        if [ -n "$new" ] && [ "$new" != "$old" ] && is_final "$new"; then
            # of the new process, or of one that another client started meanwhile
            if [ -n "$until" ] || process_in "$published" rhserver; then
                say "published $(printf '%s' "$new" | tr '\n' ' ')"
                return 0
            fi
        fi
        if [ -z "$lives" ]; then
            case $(last_words) in
            *"already runs on"*) # its record comes, or is there
                if [ -n "$old" ] && process_in "$published" rhserver; then
                    say "published $(one_line "$published")"
                    return 0
                fi
                # or that one is on its way out
                sleep 0.5
                launch "$@"
                ;;
            *)
                last_words
                problem ended
                ;;
            esac
        fi
        sleep 0.05
        count=$((count + 1))
    done
    last_words
    problem silent
}
