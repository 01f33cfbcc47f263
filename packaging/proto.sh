#!/bin/bash
# Generates the wire code: proto.sh [FOLDER], by default in place. A test compares the two.

source "$(dirname "$0")/common.sh"
out=${1:-resources}
.venv/bin/python -m grpc_tools.protoc -I resources --python_out="$out" --pyi_out="$out" --grpc_python_out="$out" \
    resources/rhresources/wire/cluster.proto
