#!/bin/sh
# Secrets out of files into the environment, where Orthanc's configuration reads them; then Orthanc, as this very process, so
# that it gets the signal to stop.
set -eu

fail() { echo "entrypoint: $*" >&2; exit 1; }

for name in ORTHANC_USERS POSTGRES_PASSWORD; do
    eval "file=\${${name}_FILE:-}"
    [ -n "$file" ] || continue
    [ -r "$file" ] || fail "${name}_FILE: $file cannot be read by $(id -un)"
    value=$(cat "$file")
    export "$name=$value"
done

[ -n "${ORTHANC_USERS:-}" ] ||
    fail 'nobody could log in: set ORTHANC_USERS_FILE to a file with {"name": "password"}, or ORTHANC_USERS to its content'
# it stands between quotes in the configuration
case ${POSTGRES_PASSWORD:-} in *[\"\\]*) fail 'POSTGRES_PASSWORD may hold neither " nor \' ;; esac

exec "$@"
