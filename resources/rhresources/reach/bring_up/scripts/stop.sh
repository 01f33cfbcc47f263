# Ends the process that $record names, with SIGTERM, and with SIGKILL after $seconds; $ask=no only waits for its end.

main() {
    process_in "$home/$record" rhserver || return 0
    [ "$ask" = no ] || kill -TERM "$pid" 2>/dev/null
    count=0
    while [ -n "$(words_of "$pid")" ]; do
        if [ $count -ge $((seconds * 20)) ]; then
            kill -KILL "$pid" 2>/dev/null
            say "killed $pid"
            break
        fi
        sleep 0.05
        count=$((count + 1))
    done
    say "ended $pid"
}
