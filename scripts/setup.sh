#!/usr/bin/env bash
# Installs only what is missing: scripts/setup.sh runtime|test|compat|image
# On a machine that has everything it takes a few milliseconds. `compat` is `test` without a browser and OHIF, `image` that and
# what builds the image; `scripts/setup.sh packages` lists the packages that `compat` needs.
set -euo pipefail
cd "$(dirname "$0")/.."

purpose=${1:-runtime}
lock=requirements-test.lock
[ "$purpose" = runtime ] && lock=requirements.lock

# Orthanc embeds the system's interpreter, so the environment must be made by that one, not by one on PATH.
python=/usr/bin/python3
packages=(orthanc orthanc-python orthanc-dicomweb orthanc-gdcm dcmtk dicom3tools python3-venv)
# tests run two nodes on one PostgreSQL, an nginx or Apache in front of Orthanc, a syslog, and the commands of the documentation
[ "$purpose" = runtime ] || packages+=(orthanc-postgresql postgresql nginx apache2 libapache2-mod-auth-openidc rsyslog curl jq file)
# tests open pages in a real browser
[ "$purpose" = test ] && packages+=(chromium)
[ "$purpose" = image ] && packages+=(buildah debootstrap)
[ "$purpose" = packages ] && { echo "${packages[*]}"; exit; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "make setup: this needs root, and sudo is not installed. As root, run: $*" >&2
        exit 1
    fi
}

missing_packages() {
    local package
    for package in "${packages[@]}"; do
        [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
    done
}

# Debian's orthanc package starts a service if there is an init system. The service belongs to the system:
# it is reported, never stopped.
warn_about_service() {
    if command -v systemctl >/dev/null && systemctl is-active --quiet orthanc 2>/dev/null; then
        echo "make setup: Debian's own orthanc service is running (usually on ports 8042 and 4242)."
        echo "            It was left alone. To free the ports: sudo systemctl disable --now orthanc"
        echo "            Or use other ports:           HTTP_PORT=8043 DICOM_PORT=4243 make run"
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

# A missing viewer must not stop the set-up: everything else works without it.
fetch_ohif() {
    [ "${OHIF:-yes}" != no ] || return 0
    .venv/bin/python scripts/ohif.py --check && return 0
    if [ -z "${OHIF_TARBALL:-}" ] && ! command -v npm >/dev/null && command -v apt-get >/dev/null; then
        echo "make setup: installing npm, which fetches OHIF (OHIF=no make setup leaves both out)"
        # in a subshell, which as_root may end
        (as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install --yes -qq --no-install-recommends npm >/dev/null) || true
    fi
    .venv/bin/python scripts/ohif.py || echo "make setup: continuing without OHIF; run make setup again to try again"
}

# Tools that check the pages' JavaScript (tests/javascript), at the versions and checksums of its lock. No page needs
# them, and no scripts of theirs are run; without npm `make lint` says that it left JavaScript out.
fetch_javascript_checks() {
    local folder=tests/javascript
    cmp --silent "$folder/package-lock.json" "$folder/node_modules/.installed" && return 0
    command -v npm >/dev/null || return 0
    echo "make setup: fetching TypeScript and eslint into $folder"
    (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) &&
        cp "$folder/package-lock.json" "$folder/node_modules/.installed" ||
        echo "make setup: going on without them; run it again to try again"
}

if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
    install_packages
elif ! command -v Orthanc >/dev/null; then
    echo "make setup: this is not a Debian system. Install these by hand: ${packages[*]}" >&2
    exit 1
fi
make_environment
[[ "$purpose" = @(compat|image) ]] || fetch_ohif
[ "$purpose" != test ] || fetch_javascript_checks
