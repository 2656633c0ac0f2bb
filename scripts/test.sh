#!/usr/bin/env bash
# All tests, or those that the arguments select: scripts/test.sh [ARGUMENTS OF PYTEST]
# Tests against real servers mostly wait, so the others run beside them; their output follows at the end.
# Up to three tests that failed beside the others are run once more by themselves, and named: the whole passes
# only when they pass then, and whoever reads on knows which ones depend on how busy the machine is.
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
[ $# -eq 0 ] || exec "$python" -m pytest "$@"

readonly few=3
folder=$(mktemp -d)
beside=
trap 'kill $beside 2>/dev/null || true; rm -rf "$folder"' EXIT

half() { "$python" -m pytest -o cache_dir="$folder/$1" "${@:2}"; }

# What failed is run again, unless it is much, or pytest itself did not come to its end.
again() {
    local name=$1 code=$2 failed
    [ "$code" -ne 0 ] || return 0
    [ "$code" -eq 1 ] || return "$code"
    failed=$("$python" -c 'import json, sys; print(*json.load(open(sys.argv[1])), sep="\n")' \
        "$folder/$name/v/cache/lastfailed")
    [ "$(wc -l <<<"$failed")" -le $few ] || return 1
    echo "FAILED BESIDE THE OTHER TESTS, and run once more by themselves:"
    echo "$failed"
    half "$name" --last-failed "${@:3}"
}

others=(tests/unit tests/browser plugin/longitudinal)
half others "${others[@]}" >"$folder/said" 2>&1 &
beside=$!
servers=0 rest=0
half servers tests/orthanc || servers=$?
wait "$beside" || rest=$?
beside=
cat "$folder/said"
failed=0
again others $rest "${others[@]}" || failed=1
again servers $servers tests/orthanc || failed=1
[ $failed -eq 0 ] || echo "Tests failed; the first half is tests/orthanc." >&2
exit $failed
