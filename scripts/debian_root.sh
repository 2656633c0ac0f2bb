#!/usr/bin/env bash
# Runs a command in another release of Debian, in this checkout: scripts/debian_root.sh SUITE COMMAND...
#
# The release is made once by debootstrap, with the packages that scripts/setup.sh names, and kept in COMPAT_CACHE by the
# hash of their list. The command sees it, and the checkout at /src, through overlays in memory: all it writes is discarded
# afterwards, and no mount and no process outlives it. Only its Python environment is kept.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=${1:?usage: scripts/debian_root.sh SUITE COMMAND...}
shift
cache=${COMPAT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/orthanc-longitudinal}

if [ "$(id -u)" -ne 0 ]; then
    echo "A root of Debian $suite needs root, for debootstrap, chroot and mounts, and you are $(id -un)." >&2
    echo "Run this as root. Without it only the Orthanc of this machine can be tested: make test" >&2
    exit 1
fi
if [ "${DEBIAN_ROOT_NAMESPACE:-}" != inside ]; then
    if ! command -v debootstrap >/dev/null; then
        echo "debian_root: installing debootstrap"
        apt-get update -qq
        env DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq --no-install-recommends debootstrap
    fi
    mkdir -p "$cache"
    DEBIAN_ROOT_NAMESPACE=inside exec unshare --mount --pid --fork --kill-child --mount-proc "$0" "$suite" "$@"
fi

# From here on in separate namespaces.

# One run of a release at a time: they share its Python environment.
exec 9>"$cache/$suite.lock"
flock 9

# libatomic1 is for what drives the browser beside it
read -r -a packages <<<"ca-certificates libatomic1 $(scripts/setup.sh packages)"
# some libraries have no wheel for a Python this new yet
[ "$suite" != forky ] || packages+=(g++ python3-dev)
root=$cache/$suite-$(sha256sum <<<"${packages[*]}" | cut -c 1-16)

make_root() {
    local part=$root.part
    echo "debian_root: making $root"
    rm -rf "$part" "$cache/$suite"-*
    scripts/bootstrap.sh "$suite" "$part" >"$cache/$suite.log" 2>&1 || { tail -n 40 "$cache/$suite.log" >&2; exit 1; }
    mount -t proc proc "$part/proc"
    chroot "$part" apt-get update -qq
    chroot "$part" env DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq --no-install-recommends "${packages[@]}" \
        >>"$cache/$suite.log" 2>&1 || { tail -n 20 "$cache/$suite.log" >&2; exit 1; }
    chroot "$part" apt-get clean
    umount "$part/proc"
    mv "$part" "$root"
}

overlay() { # lower, where
    local layer
    layer=$memory/$(basename "$2")-layer
    mkdir -p "$layer/upper" "$layer/work" "$2"
    mount -t overlay -o "lowerdir=$1,upperdir=$layer/upper,workdir=$layer/work" overlay "$2"
}

# The settings of pip on this machine (index, certificates) apply in the root too.
hand_over_pip() {
    local file
    for file in /etc/pip.conf "$HOME/.pip/pip.conf" "$HOME/.config/pip/pip.conf"; do
        [ ! -e "$file" ] || install -D "$file" "$system/${file/#$HOME//root}"
    done
    mount --bind /etc/ssl/certs "$system/etc/ssl/certs"
}

[ -d "$root" ] || make_root

memory=$cache/$suite.mount
system=$memory/system
mkdir -p "$memory" "$cache/$suite.venv"
mount -t tmpfs -o mode=755 tmpfs "$memory"
overlay "$root" "$system"
overlay "$PWD" "$system/src"
[ ! -L "$system/src/.venv" ] || rm "$system/src/.venv"
mkdir -p "$system/src/.venv"
mount --bind "$cache/$suite.venv" "$system/src/.venv"
mount -t proc proc "$system/proc"
mount --rbind /dev "$system/dev"
cp --dereference /etc/resolv.conf /etc/hosts "$system/etc/"
hand_over_pip
# where it is a link to another checkout's
if [ -L "$system/src/.ohif" ]; then
    rm "$system/src/.ohif"
    mkdir "$system/src/.ohif"
    mount --bind --read-only .ohif "$system/src/.ohif"
fi
data=${LONGITUDINAL_TEST_DATA:-../shared/data}
if [ -d "$data" ]; then
    mkdir -p "$system/data"
    mount --bind --read-only "$data" "$system/data"
fi

kept=(HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM="${TERM:-dumb}"
    LONGITUDINAL_TEST_DATA=/data)
while IFS= read -r line; do
    kept+=("$line")
done < <(env | grep --extended-regexp --ignore-case '^(CI|LONGITUDINAL_(STEPS|EXAMPLES|CHROMIUM)|PIP_[a-z_]+|https?_proxy|no_proxy)=' || true)

# not by exec: this shell is process 1 there, and has to reap orphaned processes
status=0
env --ignore-environment "${kept[@]}" chroot "$system" sh -c 'cd /src && exec "$@"' sh "$@" || status=$?
exit "$status"
