# Makes $folders inside the folder of installations.

main() {
    say "rh $rh"
    for folder in $folders; do make_folder "$installs/$folder"; done
}
