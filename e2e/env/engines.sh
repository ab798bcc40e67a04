# shellcheck shell=bash
# Two real engines beside each other, one for each way an engine keeps images: `classic` (Debian's 20.10, overlay2) and
# `containerd` (a current one, containerd's image store). Each has its own socket, bridge, cgroup and folder, and
# nothing of them is where an engine of the user's would be. dockerd starts and minds its own containerd. Clients with a certificate
# may also come over TCP, on loopback.

engine_host() { echo "unix://$STATE/$1/docker.sock"; }

engine_tls() { echo "tcp://127.0.0.1:$(cat "$STATE/$1/port")"; }

# engine KIND CERTIFICATES DOCKERD PATH RUNC
engine() {
  local kind=$1 dir=$STATE/$1 tls=$2 dockerd=$3 path=$4 runc=$5 from
  engine_bridge "$kind"
  mkdir -p "$dir/bin"
  runtime "$runc" "$dir/bin"
  port "$kind" "$dir/port" 23760 >/dev/null
  from=$(engine_config "$kind" "$tls" | tee "$dir/daemon.json.new" | fingerprint - "$tls/server.pem" <(echo "$dockerd $path $runc"))
  mv "$dir/daemon.json.new" "$dir/daemon.json"
  if running "$kind" "$from" && answers "$(engine_host "$kind")"; then return; fi
  step "start engine $kind" engine_start "$kind" "$from" "$dockerd" "$dir/bin:$path"
}

engine_start() {
  local dir=$STATE/$1
  engine_stop "$1"
  start "$1" "$2" "answers $(engine_host "$1")" env PATH="$4:$PATH" "$3" --config-file "$dir/daemon.json"
}

# engine_stop ends the daemon, and also what a killed one left: its containerd, its shims and everything in its cgroup.
engine_stop() {
  local dir=$STATE/$1 host pids
  host=$(engine_host "$1")
  if running "$1"; then docker -H "$host" ps -q | xargs -r docker -H "$host" kill >/dev/null || true; fi
  stop "$1"
  mapfile -t pids < <(leftovers "$dir/")
  end "${pids[@]}"
  cgroup_end "$(cgroup "$1")"
  unmount_all "$dir"
  rm -rf "$dir/exec" "$dir"/docker.{sock,pid}
}

# cgroup_end PATTERN ends everything in these control groups, and removes them.
cgroup_end() {
  local pids cgroups
  # shellcheck disable=SC2206 # it is a pattern
  cgroups=(/sys/fs/cgroup/{,*/}$1)
  mapfile -t pids < <(find "${cgroups[@]}" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u || true)
  [ ${#pids[@]} -eq 0 ] || kill -9 "${pids[@]}" 2>/dev/null || true
  find "${cgroups[@]}" -depth -type d -exec rmdir {} + 2>/dev/null || true
}

# leftovers FOLDER prints the daemons and shims that name the folder on their command line.
leftovers() {
  local process
  for process in /proc/[0-9]*; do
    if grep -qsE '^(dockerd|containerd|buildkitd)' "$process/comm" && grep -qsF "$1" "$process/cmdline"; then echo "${process##*/}"; fi
  done
}

cgroup() { echo "$(basename "$STATE")-$1"; }

engine_config() {
  cat <<JSON
{
  "hosts": ["$(engine_host "$1")", "$(engine_tls "$1")"],
  "tlsverify": true, "tlscacert": "$2/ca.pem", "tlscert": "$2/server.pem", "tlskey": "$2/server-key.pem",
  "pidfile": "$STATE/$1/docker.pid",
  "data-root": "$STATE/$1/data",
  "exec-root": "$STATE/$1/exec",
  "bridge": "$(bridge_name "$1")",
  "cgroup-parent": "/$(cgroup "$1")",
  "features": {"containerd-snapshotter": $([ "$1" = containerd ] && echo true || echo false)},
  "log-level": "warn"
}
JSON
}

bridge_name() { case $1 in classic) echo multiarch0 ;; *) echo multiarch1 ;; esac; }

engine_bridge() {
  local name address
  name=$(bridge_name "$1")
  case $name in *0) address=10.221.0.1/24 ;; *) address=10.221.1.1/24 ;; esac
  ip link show "$name" >/dev/null 2>&1 || ip link add "$name" type bridge
  ip address replace "$address" dev "$name"
  ip link set "$name" up
}

# runtime RUNC DIR puts `runc` into DIR: the program itself, or before it, on a machine that may not give
# CAP_SYS_RESOURCE away, a copy of a wrapper that stops asking for it, without which no privileged container would start there.
runtime() {
  ln -sf "$1" "$2/runc.real"
  if capable 24; then ln -sf runc.real "$2/runc"; else install -m 755 "$HERE/runc-without-sys-resource" "$2/runc"; fi
}

capable() { (((0x$(awk '/^CapBnd/ { print $2 }' /proc/self/status) >> $1) & 1)); }
