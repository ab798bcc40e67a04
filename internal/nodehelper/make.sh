#!/usr/bin/env bash
# make.sh [ARCH…] builds the program of this package for nodes, as layers of images: layers/ARCH.tar.zst. The program is the same wherever
# the same version of Go builds it; TestTheProgramIsThatOfTheSource compares it. Without inlining it is a tenth smaller.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- amd64 arm64
for arch in "$@"; do
  mkdir "$work/$arch"
  out=$work/$arch/docker-multiarch-node
  GOFLAGS='' CGO_ENABLED=0 GOOS=linux GOARCH=$arch GOAMD64=v1 GOARM64=v8.0 \
    go build -trimpath -buildvcs=false -gcflags=all=-l -ldflags '-s -w -buildid=' -o "$out" ./program
  tar -C "$work/$arch" --format=ustar --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=755 -cf "$work/$arch.tar" docker-multiarch-node
  zstd --ultra -22 -q -f "$work/$arch.tar" -o "layers/$arch.tar.zst"
done
