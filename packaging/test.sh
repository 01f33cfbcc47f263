#!/bin/bash
# Lint, types, tests, in this order; pytest's summary comes last.
#
#   test.sh --static           lint and types only
#   test.sh [PYTEST ARGUMENT]  all of it

source "$(dirname "$0")/common.sh"

failed=0
.venv/bin/ruff check -q || failed=1
.venv/bin/mypy resources/rhresources server/rhserver rhdesk || failed=1
[ "${1:-}" = --static ] && exit $failed
# real hosts on a loaded machine: what fails gets two more chances; the summary says why it took them
.venv/bin/python -m pytest --reruns 2 -r fEsxXR "$@" || failed=$?
exit $failed
