# Lists the wheels that are here.

main() {
    say "rh $rh"
    make_folder "$installs/wheels"
    for file in "$installs"/wheels/*.whl; do
        [ -e "$file" ] && say "wheel $(($(wc -c <"$file"))) ${file##*/}"
    done
    return 0
}
