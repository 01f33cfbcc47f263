#!/bin/bash
# Builds dist/rhdesk-*.whl, the one distribution for desktops and clusters.

source "$(dirname "$0")/common.sh"
rm -rf dist/*.whl
.venv/bin/uv build -q --no-config --wheel --out-dir dist .
ls dist/*.whl
