#!/bin/sh
# Reads secrets from files into the environment, where Orthanc's configuration expects them; then replaces itself by Orthanc,
# so that Orthanc receives the signal to stop.
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
    fail 'no user could log in: set ORTHANC_USERS_FILE to a file with {"name": "password"}, or ORTHANC_USERS to its content'
# the configuration has it between quotes
case ${POSTGRES_PASSWORD:-} in *[\"\\]*) fail 'POSTGRES_PASSWORD may contain neither " nor \' ;; esac

exec "$@"
