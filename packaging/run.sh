#!/bin/bash
# Opens the window; where there is no display, drives the same window headless through its main job.

source "$(dirname "$0")/common.sh"

if [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && [ "$(uname)" != Darwin ]; then
    say "No display here (neither DISPLAY nor WAYLAND_DISPLAY is set), so the tour runs; its pictures go to tour/."
    exec .venv/bin/rhdesk tour --out tour
fi
exec .venv/bin/rhdesk
