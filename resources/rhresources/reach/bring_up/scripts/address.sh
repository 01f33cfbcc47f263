# The addresses of this host, and those that it knows for the name $given.

main() {
    if command -v ip >/dev/null 2>&1; then
        ip -o addr show up 2>/dev/null | while read -r _ _ _ found _; do say "own ${found%%/*}"; done
    elif command -v hostname >/dev/null 2>&1 && hostname -I >/dev/null 2>&1; then
        for found in $(hostname -I) 127.0.0.1; do say "own $found"; done
    else
        ifconfig 2>/dev/null | awk '$1 ~ /^inet6?$/ { sub("addr:", "", $2); sub("%.*", "", $2); print $2 }' |
            while read -r found; do say "own $found"; done
    fi
    if command -v getent >/dev/null 2>&1; then
        getent ahosts "$given" 2>/dev/null | awk '{ print $1 }' | sort -u |
            while read -r found; do say "named $found"; done
    fi
    return 0
}
