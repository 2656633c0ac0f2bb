#!/usr/bin/env bash
# Makes a minimal system of a release of Debian in a folder, as root: scripts/bootstrap.sh SUITE FOLDER
set -euo pipefail

suite=${1:?usage: scripts/bootstrap.sh SUITE FOLDER}
folder=${2:?usage: scripts/bootstrap.sh SUITE FOLDER}

# Whatever mirror this machine uses; debootstrap's own default where it is no Debian.
mirror() {
    local uri
    # shellcheck disable=SC2016  # for apt to expand
    uri=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep --extended-regexp '/debian/?$' | head -n 1 || true)
    echo "${DEBIAN_MIRROR:-${uri%/}}"
}

script=/usr/share/debootstrap/scripts/$suite
# every release since etch is made in the same way; an older debootstrap does not know the name of a newer one
[ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
debootstrap --variant=minbase "$suite" "$folder" "$(mirror)" "$script" ||
    { tail -n 20 "$folder/debootstrap/debootstrap.log" >&2; exit 1; }
printf '#!/bin/sh\nexit 101\n' >"$folder/usr/sbin/policy-rc.d"
chmod +x "$folder/usr/sbin/policy-rc.d"
# its proxy, and what it thinks of a mirror that stands still
apt-config dump 2>/dev/null | grep --extended-regexp '^Acquire::(https?::Proxy|Check-)' >"$folder/etc/apt/apt.conf.d/99here" || true
