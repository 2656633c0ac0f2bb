#!/usr/bin/env bash
# All tests, or those that the arguments select: scripts/test.sh [ARGUMENTS OF PYTEST]
# Tests against real servers mostly wait, so the others run beside them; their output follows at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
[ $# -eq 0 ] || exec "$python" -m pytest "$@"

others=$(mktemp)
"$python" -m pytest tests/unit tests/browser plugin/longitudinal >"$others" 2>&1 &
beside=$!
trap 'kill "$beside" 2>/dev/null || true; rm -f "$others"' EXIT
failed=0
"$python" -m pytest tests/orthanc || failed=$?
wait "$beside" || failed=$?
cat "$others"
[ "$failed" -eq 0 ] || echo "Tests failed; the first half is tests/orthanc." >&2
exit "$failed"
