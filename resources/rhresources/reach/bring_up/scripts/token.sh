# Where the Ray of the head is, and its token.

main() {
    [ -r "$home/ray.json" ] && say "ray $(one_line "$home/ray.json")"
    [ -r "$home/ray-token" ] && say "token $(cat "$home/ray-token")"
    return 0
}
