# Read by the other scripts here: the directory they work in, and an environment without surprises.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Without byte code every start of Ray costs three times as much; the others would lead Python astray.
unset PYTHONDONTWRITEBYTECODE PYTHONUNBUFFERED PYTHONPATH PYTHONHOME VIRTUAL_ENV

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
