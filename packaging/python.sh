#!/bin/bash
# Runs the project's Python with the environment that users have.

source "$(dirname "$0")/common.sh"
exec .venv/bin/python "$@"
