#!/usr/bin/env bash
# Runs the tests against real servers, on several versions of Orthanc: scripts/compat.sh [arguments of pytest]
#
# SYSTEMS names them: this machine ("here"), and releases of Debian, each in its own root (debian_root.sh). Roots
# have no browser: where pages are tested, this machine's Chromium drives the servers in there over the loopback they share.
# "image" among them builds docker/Dockerfile and tries the image, "ohif" tests OHIF's panel in the older OHIF that is pinned;
# without SYSTEMS and without arguments both are done, too.
set -euo pipefail
cd "$(dirname "$0")/.."

systems=${SYSTEMS:-here trixie forky}
[ -n "${SYSTEMS:-}" ] || [ $# -gt 0 ] || systems+=" ohif image"
names_tests=no
for argument; do
    [ ! -e "${argument%%::*}" ] || names_tests=yes
done
[ $names_tests = yes ] || set -- "$@" tests/orthanc tests/browser/test_forged_pages.py
beside=()
if [[ " $*" = *" tests/browser"* ]]; then
    scripts/setup.sh test
    beside=(.venv/bin/python -m tests.browser.chromium)
fi
failed=()

# shellcheck disable=SC2016  # for the shell inside
tests='scripts/setup.sh "$0"
dpkg-query --show --showformat="compat: \${Package} \${Version}\n" orthanc orthanc-python orthanc-dicomweb python3
exec .venv/bin/python -m pytest "$@"'

for system in $systems; do
    echo "compat: $system"
    if [ "$system" = here ]; then
        sh -ec "$tests" test "$@" || failed+=("$system")
    elif [ "$system" = ohif ]; then
        { scripts/setup.sh test && .venv/bin/python scripts/ohif.py 3.12.10 &&
            LONGITUDINAL_OHIF=3.12.10 .venv/bin/python -m pytest tests/browser/test_ohif_panel.py; } || failed+=("$system")
    elif [ "$system" = image ]; then
        scripts/image.sh || failed+=("$system")
    else
        "${beside[@]}" scripts/debian_root.sh "$system" sh -ec "$tests" compat "$@" || failed+=("$system")
    fi
done
[ ${#failed[@]} -eq 0 ] || { echo "compat: failed on ${failed[*]}" >&2; exit 1; }
