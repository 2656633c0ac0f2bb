#!/usr/bin/env bash
# Builds docker/Dockerfile and runs the image, without an engine: scripts/image.sh, as root
#
# Debian's buildah does both. The base is made by debootstrap, once, as Debian makes its own slim image; it and the layers lie
# in COMPAT_CACHE, delete its folder `image` to have newer packages. The container has a network of its own with nothing but
# a loopback, so its ports are free, and nobody else reaches it.
set -euo pipefail
cd "$(dirname "$0")/.."

most_mb=700
base=localhost/debian:trixie-slim
image=localhost/orthanc-longitudinal:checked
folder=${COMPAT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/orthanc-longitudinal}/image
log=$folder/build.log

[ "$(id -u)" -eq 0 ] || { echo "image: building without an engine needs root, and you are $(id -un)" >&2; exit 1; }
scripts/setup.sh image
mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9

export BUILDAH_ISOLATION=chroot
build=(buildah --root "$folder/storage" --runroot "$folder/run")

fail() {
    tail -n 40 "$log" >&2
    echo "image: $1" >&2
    exit 1
}

# What Debian's slim image leaves out, and goes on leaving out; and apt keeps nothing it has fetched.
make_slim() {
    local left_out=(doc groff info linda lintian locale man)
    printf 'path-exclude /usr/share/%s/*\n' "${left_out[@]}" >"$1/etc/dpkg/dpkg.cfg.d/docker"
    echo 'path-include /usr/share/doc/*/copyright' >>"$1/etc/dpkg/dpkg.cfg.d/docker"
    find "${left_out[@]/#/$1/usr/share/}" -type f ! -name copyright -delete 2>/dev/null || true
    echo 'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };' \
        >"$1/etc/apt/apt.conf.d/docker-clean"
    rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/cache/apt/*.bin "$1"/var/lib/apt/lists/* "$1"/var/log/*
}

make_base() {
    local container
    echo "image: making $base"
    rm -rf "$folder/root"
    scripts/bootstrap.sh trixie "$folder/root" >"$log" 2>&1 || fail "debootstrap failed"
    make_slim "$folder/root"
    container=$("${build[@]}" from scratch)
    "${build[@]}" add --quiet "$container" "$folder/root" / >/dev/null
    "${build[@]}" config --cmd bash "$container"
    "${build[@]}" commit --quiet --rm "$container" "$base" >/dev/null
    rm -rf "$folder/root"
}

build_image() {
    local mounts=(--volume /etc/ssl/certs/ca-certificates.crt:/usr/local/share/ca-certificates/this-machine.crt:ro)
    [ ! -e /etc/pip.conf ] || mounts+=(--volume /etc/pip.conf:/etc/pip.conf:ro)
    echo "image: building; $log has all it says"
    "${build[@]}" bud --pull-never --format docker "${mounts[@]}" --file docker/Dockerfile --tag "$image" . >"$log" 2>&1 ||
        fail "docker/Dockerfile could not be built"
}

"${build[@]}" inspect --type image "$base" >/dev/null 2>&1 || make_base
began=$SECONDS
build_image
container=$("${build[@]}" from --pull-never "$image")
trap '"${build[@]}" rm "$container" >/dev/null; "${build[@]}" rmi --prune --force >/dev/null 2>&1 || true' EXIT
size=$(($(du --summarize --bytes "$("${build[@]}" mount "$container")" | cut -f 1) / 1000000))
echo "image: built in $((SECONDS - began)) s; $size MB"
[ "$size" -le $most_mb ] || { echo "image: more than $most_mb MB" >&2; exit 1; }
unshare --net .venv/bin/python scripts/image_check.py "$container" "${build[@]}"
