#!/usr/bin/env bash
# Installs what is missing and nothing else: scripts/setup.sh runtime|test|compat|image
# On a machine that has everything this takes a few milliseconds. `compat` is `test` without a browser and OHIF, `image` that
# and what builds the image; `scripts/setup.sh packages` lists the packages that `compat` needs.
set -euo pipefail
cd "$(dirname "$0")/.."

purpose=${1:-runtime}
lock=requirements-test.lock
[ "$purpose" = runtime ] && lock=requirements.lock

# Orthanc embeds the system's interpreter, so the environment must be made by that one, not by one on PATH.
python=/usr/bin/python3
packages=(orthanc orthanc-python orthanc-dicomweb orthanc-gdcm dcmtk dicom3tools python3-venv)
# in tests two nodes share a PostgreSQL, an nginx stands before Orthanc, and the command that `make demo` prints is run
[ "$purpose" = runtime ] || packages+=(orthanc-postgresql postgresql nginx curl)
# tests look at pages in a real browser
[ "$purpose" = test ] && packages+=(chromium)
[ "$purpose" = image ] && packages+=(buildah debootstrap)
[ "$purpose" = packages ] && { echo "${packages[*]}"; exit; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "make setup: this needs root, and there is no sudo. As root, run: $*" >&2
        exit 1
    fi
}

missing_packages() {
    local package
    for package in "${packages[@]}"; do
        [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
    done
}

# Debian's orthanc package starts a service of its own where there is an init system. It is the system's:
# it is named, never stopped.
warn_about_service() {
    if command -v systemctl >/dev/null && systemctl is-active --quiet orthanc 2>/dev/null; then
        echo "make setup: Debian's own orthanc service is running (usually on ports 8042 and 4242)."
        echo "            It was left alone. To free the ports: sudo systemctl disable --now orthanc"
        echo "            Or run beside it:             HTTP_PORT=8043 DICOM_PORT=4243 make run"
    fi
}

install_packages() {
    local missing
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    echo "make setup: installing" $missing
    as_root apt-get update -qq
    # shellcheck disable=SC2086  # one word a package
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq --no-install-recommends $missing
    warn_about_service
}

make_environment() {
    local version stamp
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if [ ! -x .venv/bin/python ] || [ ! -d ".venv/lib/python$version" ] || ! .venv/bin/python -c '' 2>/dev/null; then
        "$python" -m venv --clear .venv
    fi
    stamp=".venv/.installed-$lock"
    cmp --silent "$lock" "$stamp" && return 0
    echo "make setup: installing $lock into .venv"
    # the lock names every package, so pip need not (and must not) look for more
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement "$lock"
    cp "$lock" "$stamp"
}

# A viewer is no reason to fail: without it, all the rest works.
fetch_ohif() {
    [ "${OHIF:-yes}" != no ] || return 0
    .venv/bin/python scripts/ohif.py --check && return 0
    if [ -z "${OHIF_TARBALL:-}" ] && ! command -v npm >/dev/null && command -v apt-get >/dev/null; then
        echo "make setup: installing npm, to fetch OHIF with (OHIF=no make setup leaves both out)"
        # in a subshell, which as_root may end
        (as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install --yes -qq --no-install-recommends npm >/dev/null) || true
    fi
    .venv/bin/python scripts/ohif.py || echo "make setup: going on without OHIF; run it again to try again"
}

if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
    install_packages
elif ! command -v Orthanc >/dev/null; then
    echo "make setup: this is not a Debian system. Install by hand: ${packages[*]}" >&2
    exit 1
fi
make_environment
[[ "$purpose" = @(compat|image) ]] || fetch_ohif
