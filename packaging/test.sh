#!/bin/bash
# Lint, types, tests, in this order; what failed comes last.
#
#   test.sh --static             lint and types only
#   test.sh PYTEST ARGUMENT ...  these tests, in one process
#   test.sh                      all tests, in three processes at once: most of their time they wait for other machines

source "$(dirname "$0")/common.sh"

failed=0
.venv/bin/ruff check -q || failed=1
.venv/bin/mypy resources/rhresources server/rhserver rhdesk || failed=1
[ "${1:-}" = --static ] && exit $failed

# real hosts on a loaded machine: what fails gets two more chances; the summary says why it took them
pytest=(.venv/bin/python -m pytest --reruns 2 -r fEsxXR)
if [ $# -gt 0 ]; then
    "${pytest[@]}" "$@" || failed=$?
    exit $failed
fi

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

# part NAME PYTEST ARGUMENT ...: one of the processes; its lines are shown as they come, and kept
part() {
    local name=$1
    shift
    "${pytest[@]}" "$@" 2>&1 | tee "$logs/$name" | sed -u "s/^/$name: /"
}

window=(tests/desktop tests/cli tests/library)
part clouds -m clouds &
clouds_pid=$!
part window -m "not clouds" "${window[@]}" &
window_pid=$!
part others -m "not clouds" tests "${window[@]/#/--ignore=}" &
others_pid=$!
for name in clouds window others; do
    pid=${name}_pid
    wait "${!pid}" || failed=1
done
for name in clouds window others; do
    printf '\n%s\n' "---- $name"
    sed -n '/^===* \(FAILURES\|ERRORS\|rerun test summary\|short test summary\)\|^___* first try of/,$p' "$logs/$name" | grep . \
        || tail -n 1 "$logs/$name"
done
exit $failed
