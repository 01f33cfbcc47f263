# Ends the process $pid, or else the one that $record names, with SIGTERM, and with SIGKILL after $seconds;
# $ask=no only waits for its end.

main() {
    if [ -n "$pid" ]; then
        case $(words_of "$pid") in
        *rhserver*) ;;
        *) return 0 ;;
        esac
    else
        process_in "$home/$record" rhserver || return 0
    fi
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
