# shellcheck shell=bash
# A registry on this machine's loopback, without TLS or passwords, that also deletes; its storage goes with the state.

# registry BINARY starts it, at port 5000 unless another process uses that.
registry() {
  local dir=$STATE/registry port from
  mkdir -p "$dir"
  port=$(port registry "$dir/port" 5000)
  registry_config "$dir" "$port" >"$dir/config.yml"
  from=$(fingerprint "$dir/config.yml" <(echo "$1"))
  if running registry "$from" && listens "$port"; then return; fi
  step "start registry localhost:$port" registry_start "$from" "$1" "$port"
}

registry_start() {
  stop registry
  start registry "$1" "listens $3" env OTEL_TRACES_EXPORTER=none "$2" serve "$STATE/registry/config.yml"
}

registry_config() {
  cat <<YAML
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: $1/data}
  delete: {enabled: true}
http: {addr: "127.0.0.1:$2", secret: docker-multiarch}
YAML
}

# base_images PROGRAM BUSYBOXES puts the images to build on into the registry, unless these very ones are there.
base_images() {
  local host made=$STATE/registry/base
  host=$(registry_host)
  if [ "$(cat "$made" 2>/dev/null)" = "$1 $2" ] && in_registry base/busybox 1 && in_registry base/amd64only 1; then return; fi
  step "push base images" "$1" "$host" "$2"
  echo "$1 $2" >"$made"
}

registry_host() { echo "localhost:$(cat "$STATE/registry/port")"; }

in_registry() {
  curl -fsSI -o /dev/null -H 'Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json' \
    "http://$(registry_host)/v2/$1/manifests/$2" 2>/dev/null
}
