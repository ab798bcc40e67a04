#!/usr/bin/env bash
# Brings up what the project needs to be tried for real, as far as it is missing: engines, a builder image, a registry,
# base images for many platforms, emulators. Run it as often as you like. It tells each thing it does and the time that
# took, and leaves the addresses in the file `env` of the state folder (see with.sh).
#
#   up.sh quickstart    one engine and what a first build needs
#   up.sh [test]        both kinds of engine and what the tests need
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
for part in host packages tools busybox debian engines builder registry remote kubernetes present; do
  # shellcheck source=/dev/null
  . "$HERE/$part.sh"
done

up() {
  if present; then present_up "$1"; else own_up "$1"; fi
  [ "$1" = quickstart ] || test_tools
}

own_up() {
  local busyboxes registry baseimages buildkit runc cni tls dockerd
  debian_root || die "no Docker Engine answers, and only root on Debian can start one here: start Docker, then try again"
  packages docker.io containerd runc iptables iproute2 qemu-user-static libseccomp-dev pkg-config ca-certificates curl git openssh-client openssl skopeo
  remember
  host_ready
  busyboxes=$(busyboxes)
  registry=$(tool registry)
  baseimages=$(tool baseimages)
  registry "$registry/registry"
  base_images "$baseimages/baseimages" "$busyboxes"
  publish MULTIARCH_E2E_REGISTRY "$(registry_host)"
  publish MULTIARCH_E2E_BASE "$(registry_host)/base/busybox:1"
  buildkit=$(tool buildkit)
  runc=$(tool runc)
  cni=$(tool cni)
  tls=$(certificates)
  own_engine "$1" classic /usr/sbin/dockerd /usr/sbin:/usr/bin /usr/sbin/runc
  publish MULTIARCH_E2E_ENGINE "$(engine_host classic)"
  trust_builders "$(engine_host classic)"
  [ "$1" = test ] || return 0
  packages skopeo docker-registry # reads and copies what we write, independently of us; an old registry
  publish MULTIARCH_E2E_DEBIAN "$(debian_roots)"
  dockerd=$(tool dockerd)
  own_engine "$1" containerd "$dockerd/dockerd" "$dockerd" "$runc/runc"
  trust_builders "$(engine_host classic)" "$(engine_host containerd)"
  ssh_server "$(engine_host containerd)" "$buildkit"
  packages rootlesskit uidmap libcap2-bin
  kubernetes "$(tool kubernetes)" "$cni" "$busyboxes" "$(engine_host classic)"
  publish MULTIARCH_E2E_TLS "$tls"
  publish MULTIARCH_E2E_SSH "$STATE/ssh/bin"
}

# own_engine PURPOSE KIND DOCKERD PATH RUNC starts it and puts the builder image, for tests its variants too, into it.
own_engine() {
  local host
  host=$(engine_host "$2")
  engine "$2" "$tls" "${@:3}"
  builder_image "$host" "$buildkit" "$runc" "$cni" "$busyboxes"
  [ "$1" = quickstart ] || builder_variants "$host"
  publish "MULTIARCH_E2E_${2^^}" "$host"
  publish "MULTIARCH_E2E_${2^^}_TLS" "$(engine_tls "$2")"
}

test_tools() {
  local buildkit registry buildx s3 frontend
  buildkit=$(tool buildkit)
  registry=$(tool registry)
  buildx=$(tool buildx)
  s3=$(tool s3)
  frontend=$(tool frontend)
  publish MULTIARCH_E2E_BUILDCTL "$buildkit/buildctl"
  publish MULTIARCH_E2E_REGISTRY_BIN "$registry/registry"
  publish MULTIARCH_E2E_BUILDX "$buildx/buildx"
  publish MULTIARCH_E2E_FRONTEND "$frontend/dockerfile-frontend"
  publish MULTIARCH_E2E_S3_BIN "$s3/gofakes3"
  [ ! -d "$(tool_dir golangci-lint)" ] || publish MULTIARCH_E2E_GOLANGCI "$(tool_dir golangci-lint)/golangci-lint"
}

case ${1-test} in
  quickstart | test) mkdir -p "$STATE" && locked "$(dirname "$STATE")" up "${1-test}" ;;
  *) die "usage: up.sh [quickstart|test]" ;;
esac
