#!/usr/bin/env bash
# make.sh [ARCH…] builds the program of this package for nodes, as archives that an engine unpacks: programs/ARCH.tar.gz. The program is the
# same wherever the same version of Go builds it. Without inlining it is smaller.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- amd64 arm64
mkdir -p programs
for arch in "$@"; do
  mkdir "$work/$arch"
  GOFLAGS='' CGO_ENABLED=0 GOOS=linux GOARCH=$arch GOAMD64=v1 GOARM64=v8.0 \
    go build -trimpath -buildvcs=false -gcflags=all=-l -ldflags '-s -w -buildid=' -o "$work/$arch/docker-multiarch-serve" ./program
  tar -C "$work/$arch" --format=ustar --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=755 -cf "$work/$arch.tar" docker-multiarch-serve
  gzip -9 -n -c "$work/$arch.tar" >"programs/$arch.tar.gz"
done
