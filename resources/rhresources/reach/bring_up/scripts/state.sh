# What is there: the server, its Ray, the installations. Starts nothing and is quick.

main() {
    say "rh $rh"
    for name in server ray node; do
        case $name in
        server) file=$home/server.json word=rhserver ;;
        ray) file=$home/ray.json word=ray ;;
        node) file=$home/node.json word=rhserver ;;
        esac
        [ -r "$file" ] && say "$name $(one_line "$file")"
        process_in "$file" "$word" && say "$name-lives $pid $(words_of "$pid" | tr '\n' ' ')"
    done
    for file in "$installs"/*/complete; do
        [ -r "$file" ] && say "install $(one_line "$file")"
    done
    return 0
}
