#!/usr/bin/env bash
# Adds the plugin to an existing Orthanc, or removes it again:
#
#     scripts/install.sh [--prefix /opt/orthanc-longitudinal] [--etc /etc/orthanc]
#     scripts/install.sh --uninstall [--prefix ...] [--etc ...]
#
# It needs a network only for pip and npm, no init system, and no root if both folders are writable. If it is run again, it
# updates the plugin. It never starts or stops Orthanc, and touches neither its images nor its index.
set -euo pipefail
cd "$(dirname "$0")/.."

prefix=/opt/orthanc-longitudinal
etc=/etc/orthanc
purpose=install
# Orthanc embeds the system's interpreter, so the environment must be made by that one, not by one on PATH.
python=/usr/bin/python3

say() { echo "install: $*"; }
fail() { echo "install: $*" >&2; exit 1; }

while [ $# -gt 0 ]; do
    case $1 in
        --prefix) prefix=${2:?install: --prefix needs a folder}; shift 2 ;;
        --etc) etc=${2:?install: --etc needs a folder}; shift 2 ;;
        --uninstall) purpose=uninstall; shift ;;
        *) sed -n '2,8s/^# \{0,1\}//p' scripts/install.sh; exit 2 ;;
    esac
done

check() {
    case $prefix in /*) ;; *) fail "--prefix must begin with /, but is $prefix" ;; esac
    [ "$prefix" != "$PWD" ] || fail "--prefix is this checkout; choose another folder"
    [ -d "$etc" ] || fail "the folder $etc does not exist. Install Debian's package orthanc first, or choose another folder with --etc"
    [ -x "$python" ] || fail "$python does not exist: apt-get install python3"
    [ "$purpose" = uninstall ] || "$python" -c 'import ensurepip, venv' 2>/dev/null || fail "apt-get install python3-venv first"
    local folder
    for folder in "$etc" "$(existing "$prefix")"; do
        [ -w "$folder" ] || fail "$folder cannot be written by $(id -un); run this as root"
    done
}

existing() { # the folder itself, or the nearest existing one above it
    local folder=$1
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    echo "$folder"
}

copy_plugin() {
    rm -rf "$prefix/plugin.new"
    mkdir "$prefix/plugin.new"
    cp -r plugin/main.py plugin/longitudinal "$prefix/plugin.new"
    find "$prefix/plugin.new" -name __pycache__ -prune -exec rm -rf {} +
    rm -rf "$prefix/plugin"
    mv "$prefix/plugin.new" "$prefix/plugin"
    cp LICENSE THIRD_PARTY.md "$prefix/"
    # Orthanc's user cannot write there, and would compile everything again at each start
    "$python" -m compileall -q "$prefix/plugin"
    say "the plugin is in $prefix/plugin"
}

make_environment() {
    local venv=$prefix/.venv version stamp=$prefix/.venv/.installed.lock
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if [ ! -d "$venv/lib/python$version" ] || ! "$venv/bin/python" -c '' 2>/dev/null; then
        say "making an environment for Python $version in $venv"
        "$python" -m venv --clear "$venv"
    fi
    if cmp --silent requirements.lock "$stamp"; then
        say "the libraries of requirements.lock are installed already"
        return
    fi
    say "installing the libraries of requirements.lock"
    # the lock names every package, so pip need not (and must not) look for more
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements.lock
    cp requirements.lock "$stamp"
}

# A missing viewer must not stop the installation: everything else works without it. OHIF=no leaves it out.
copy_ohif() {
    [ "${OHIF:-yes}" != no ] || return 0
    if "$prefix/.venv/bin/python" scripts/ohif.py; then
        rm -rf "$prefix/.ohif"
        cp -r .ohif "$prefix/.ohif"
        say "OHIF is in $prefix/.ohif"
    else
        say "continuing without OHIF; install npm and run this again to add it"
    fi
}

# Orthanc's user must be able to read all of it; a folder above that only root may enter is easily overlooked.
check_readable() {
    [ "$(id -u)" -eq 0 ] && getent passwd orthanc >/dev/null || return 0
    setpriv --reuid orthanc --regid orthanc --clear-groups test -r "$prefix/plugin/main.py" ||
        say "WARNING: the user orthanc cannot read $prefix/plugin; look at the permissions of the folders above it"
}

remove() {
    rm -rf "$prefix/plugin" "$prefix/plugin.new" "$prefix/.venv" "$prefix/.ohif" "$prefix/LICENSE" "$prefix/THIRD_PARTY.md"
    if [ -d "$prefix" ]; then
        rmdir "$prefix" 2>/dev/null || say "kept $prefix, because it contains other files"
    fi
    say "removed from $prefix; images, registration objects and the index file are unchanged"
}

check
# whatever root's own umask is, Orthanc's user must read it
umask 022
if [ "$purpose" = uninstall ]; then
    "$python" scripts/etc_orthanc.py remove "$etc" "$prefix/plugin/main.py"
    remove
else
    mkdir -p "$prefix"
    copy_plugin
    make_environment
    copy_ohif
    "$python" scripts/etc_orthanc.py add "$etc" "$prefix/plugin/main.py"
    check_readable
fi
say "Orthanc itself was left alone. If systemd runs it, restart it now: systemctl restart orthanc"
