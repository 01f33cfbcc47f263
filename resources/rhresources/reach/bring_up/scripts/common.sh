# In front of every script. What is for rhdesk begins with $mark; all other lines are the words of what was started,
# or of a login shell that talks.

usual_mask=$(umask)
umask 077
say() { printf '%s %s\n' "$mark" "$*"; }

# problem CODE [WORDS]: one line that says why it ends here
problem() {
    code=$1
    shift
    say "problem $code $(printf '%s' "$*" | tr '\n' ' ')"
    exit 1
}

# The directory of rhdesk, as rhresources.paths finds it
rh=${RH_HOME:-$HOME/.rh}
case $rh in
'~') rh=$HOME ;;
'~/'*) rh=$HOME/${rh#??} ;;
/*) ;;
*) rh=$HOME/$rh ;;
esac
installs=$rh/installs
home=$rh/$room

# uv trusts whom the host trusts, a company's own authority included; without a list of the host's it brings its own
for list in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
    [ -s "$list" ] && export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS-1}" && break
done

# make_folder PATH: with its parents, or the end
make_folder() {
    words=$(mkdir -p "$1" 2>&1) && [ -w "$1" ] || problem write "$1 ${words:-is not writable}"
}

# words_of PID: its command line; empty where there is no such process of ours (a zombie has none)
words_of() {
    kill -0 "$1" 2>/dev/null || return 0
    if [ -r "/proc/$1/cmdline" ]; then
        tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null
    elif [ ! -d /proc/self ]; then
        ps -p "$1" -o args= 2>/dev/null
    fi
}

# process_in FILE WORD: the process that the JSON file names, if it lives and WORD is in its command line
process_in() {
    [ -r "$1" ] || return 1
    pid=$(sed -n 's/.*"pid": *\([0-9][0-9]*\).*/\1/p' "$1" 2>/dev/null | head -n 1)
    [ -n "$pid" ] || return 1
    case $(words_of "$pid") in
    *"$2"*) return 0 ;;
    esac
    return 1
}

# one_line FILE
one_line() { tr '\n' ' ' <"$1" 2>/dev/null; }
