# shellcheck shell=bash
# A machine that has an engine of its own, and so most likely the internet: that engine is used as the kind it is, the
# other kind comes as a docker:dind container, and the registry and the images are published ones. The registry lives in
# the network of the dind container, so that both engines and this machine call it by the same name.

PRESENT_DIND=docker:29-dind
PRESENT_REGISTRY=registry:3
PRESENT_BASE=docker.io/library/busybox
PRESENT_DEBIAN=docker.io/library/debian:bookworm-slim
PRESENT_NAME=multiarch-env

present() { [ ! -d "$STATE/classic" ] && docker version >/dev/null 2>&1; }

present_up() {
  local host other=CLASSIC kind=CLASSIC port
  mkdir -p "$STATE/present"
  host=$(docker context inspect -f '{{.Endpoints.docker.Host}}')
  if docker info -f '{{.DriverStatus}}' | grep -q io.containerd.snapshotter; then kind=CONTAINERD; else other=CONTAINERD; fi
  port=$(present_port)
  docker image inspect "$BUILDER" >/dev/null 2>&1 || step "pull $BUILDER" docker pull "$BUILDER"
  [ "$1" = quickstart ] || present_dind "$other" "$port"
  present_registry "$port"
  present_base "localhost:$port"
  [ "$1" = quickstart ] || builder_variants "$host"
  publish MULTIARCH_E2E_ENGINE "$host"
  [ "$1" = quickstart ] || trust_builders "$host" "$(present_dind_host)" # the variants are made here, and a copy was loaded
  publish "MULTIARCH_E2E_$kind" "$host"
  [ "$1" != test ] || publish "MULTIARCH_E2E_$other" "$(present_dind_host)"
  [ "$1" != test ] || publish MULTIARCH_E2E_DEBIAN "$(present_debian)"
  publish MULTIARCH_E2E_REGISTRY "localhost:$port"
  publish MULTIARCH_E2E_BASE "localhost:$port/base/busybox:1"
  publish MULTIARCH_E2E_KUBERNETES none # its nodes need root, and Debian's containerd
}

present_down() {
  docker rm -fv $PRESENT_NAME-registry $PRESENT_NAME-dind >/dev/null 2>&1 || true
  docker volume rm $PRESENT_NAME-registry >/dev/null 2>&1 || true
  docker rmi moby/buildkit:e2e-{nobridge,old,qemu} >/dev/null 2>&1 || true
}

# present_port prints the registry's port: the last one, or 5000, or the next free one.
present_port() {
  local file=$STATE/present/port port=5000
  if [ ! -s "$file" ]; then
    while listens "$port"; do port=$((port + 1)); done
    echo "$port" >"$file"
  fi
  cat "$file"
}

present_dind_host() { echo "tcp://$(docker port $PRESENT_NAME-dind 2375/tcp | sed -n 1p)"; }

up_container() { [ "$(docker inspect -f '{{.State.Running}}' "$1" 2>/dev/null)" = true ]; }

present_dind() {
  if ! up_container $PRESENT_NAME-dind; then
    docker rm -fv $PRESENT_NAME-registry $PRESENT_NAME-dind >/dev/null 2>&1 || true
    step "start $PRESENT_DIND" docker run -d --privileged --name $PRESENT_NAME-dind -e DOCKER_TLS_CERTDIR= \
      -p 127.0.0.1::2375 -p "127.0.0.1:$2:$2" $PRESENT_DIND \
      --feature "containerd-snapshotter=$([ "$1" = CONTAINERD ] && echo true || echo false)"
  fi
  wait_for 60 "engine in $PRESENT_DIND" answers "$(present_dind_host)"
  docker -H "$(present_dind_host)" image inspect "$BUILDER" >/dev/null 2>&1 || step "copy $BUILDER into it" present_copy
  builder_variants "$(present_dind_host)"
}

present_copy() { docker save "$BUILDER" | docker -H "$(present_dind_host)" load; }

present_registry() {
  local network=(-p "127.0.0.1:$1:$1")
  ! up_container $PRESENT_NAME-registry || return 0
  docker rm -fv $PRESENT_NAME-registry >/dev/null 2>&1 || true
  ! up_container $PRESENT_NAME-dind || network=(--network "container:$PRESENT_NAME-dind")
  step "start registry localhost:$1" docker run -d --name $PRESENT_NAME-registry "${network[@]}" -e "REGISTRY_HTTP_ADDR=:$1" \
    -e REGISTRY_STORAGE_DELETE_ENABLED=true -v $PRESENT_NAME-registry:/var/lib/registry $PRESENT_REGISTRY
  wait_for 20 "registry" curl -fs "http://localhost:$1/v2/"
}

# present_debian prints the folder of roots of a distribution, as debian_roots does.
present_debian() {
  local dir=$STATE/present/debian
  [ -d "$dir" ] || step "export $PRESENT_DEBIAN" present_export "$dir"
  echo "$dir"
}

present_export() {
  local arch id
  rm -rf "$1.partial"
  mkdir -p "$1.partial"
  for arch in amd64 arm64; do
    docker pull --platform "linux/$arch" "$PRESENT_DEBIAN"
    id=$(docker create --platform "linux/$arch" "$PRESENT_DEBIAN")
    docker export -o "$1.partial/$arch.tar" "$id"
    docker rm "$id"
  done
  mv "$1.partial" "$1"
}

present_base() {
  local buildx imagetools amd64
  buildx=$(tool buildx)
  imagetools=("$buildx/buildx" imagetools)
  ! "${imagetools[@]}" inspect "$1/base/amd64only:1" >/dev/null 2>&1 || return 0
  amd64=$("${imagetools[@]}" inspect $PRESENT_BASE:1.37 \
    --format '{{range .Manifest.Manifests}}{{if eq .Platform.Architecture "amd64"}}{{println .Digest}}{{end}}{{end}}' | sed -n 1p)
  step "copy $PRESENT_BASE" "${imagetools[@]}" create -t "$1/base/busybox:1" $PRESENT_BASE:1.37
  step "copy $PRESENT_BASE for linux/amd64" "${imagetools[@]}" create --prefer-index=false -t "$1/base/amd64only:1" "$PRESENT_BASE@$amd64"
}
