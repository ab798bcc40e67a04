# shellcheck shell=bash
# What every script here shares: where things live, how work is told, and how processes are started, known again and
# ended. A machine may come back with our files but without our processes, so nothing is believed because a file says
# so: a pid counts only while that process names our state directory on its command line.
set -Eeuo pipefail
trap 'echo "env: ${BASH_SOURCE[0]##*/}:$LINENO: failed" >&2' ERR

# shellcheck disable=SC2034 # for the scripts that read this
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034
CACHE=${DOCKER_MULTIARCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/docker-multiarch}
case $(id -u) in 0) STATE=/var/lib ;; *) STATE=${XDG_STATE_HOME:-$HOME/.local/state} ;; esac
STATE=${DOCKER_MULTIARCH_ENV:-$STATE/docker-multiarch-env}
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { printf 'env: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# step WHAT COMMAND... runs the command and prints one line, with its time; its output is shown only if it fails.
step() {
  local what=$1 began=${EPOCHREALTIME:-$SECONDS} log code
  shift
  log=$(mktemp)
  set +e
  (set -e; "$@") >"$log" 2>&1
  code=$?
  set -e
  [ $code -eq 0 ] || cat "$log" >&2
  rm -f "$log"
  [ $code -eq 0 ] || die "$what: failed"
  say "$(awk -v t="$began" -v now="${EPOCHREALTIME:-$SECONDS}" -v w="$what" 'BEGIN { printf "%-48s %6.1f s", w, now - t }')"
}

# locked FOLDER COMMAND... runs the command while no other of our scripts holds the lock on that folder. Descriptor 9 is
# the lock; whatever outlives the script is started without it.
locked() {
  mkdir -p "$1"
  (! command -v flock >/dev/null || flock 9; "${@:2}") 9<"$1"
}

# wait_for SECONDS WHAT COMMAND... returns once the command succeeds, and fails after that many seconds.
wait_for() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || { say "$what: waited in vain"; return 1; }
    sleep 0.05
  done
}

# ours PID reports whether that process runs and is one of ours.
ours() { [ -n "$1" ] && tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -qF "$STATE/"; }

pid_of() { cat "$STATE/run/$1.pid" 2>/dev/null || true; }

# running NAME [FINGERPRINT] reports whether the process started under that name runs (and was started from the same).
running() {
  ours "$(pid_of "$1")" && { [ $# -eq 1 ] || [ "$(cat "$STATE/run/$1.from" 2>/dev/null)" = "$2" ]; }
}

# start NAME FINGERPRINT READY COMMAND... leaves the command running in the background, detached, its output in a log, and
# returns when `READY` (words, run as a command) says so; shows the log's end if that does not come, or the process goes.
start() {
  local name=$1 from=$2 ready log=$STATE/run/$1.log
  read -ra ready <<<"$3"
  shift 3
  mkdir -p "$STATE/run"
  setsid "$@" >"$log" 2>&1 </dev/null 9>&- &
  echo $! >"$STATE/run/$name.pid"
  echo "$from" >"$STATE/run/$name.from"
  if ! wait_for 60 "$name" ready_or_gone $! "${ready[@]}" || ! running "$name"; then
    tail -20 "$log"
    return 1
  fi
}

ready_or_gone() { "${@:2}" || ! kill -0 "$1"; }

# stop NAME ends that process, kindly for 15 s.
stop() {
  local pid
  pid=$(pid_of "$1")
  rm -f "$STATE/run/$1.pid" "$STATE/run/$1.from"
  end "$pid"
}

# end PID... ends those of the processes that are ours: asks all, waits for at most 15 s, then kills.
end() {
  local pid alive=()
  for pid; do ! ours "$pid" || alive+=("$pid"); done
  [ ${#alive[@]} -gt 0 ] || return 0
  kill "${alive[@]}" 2>/dev/null || true
  wait_for 15 "ending ${alive[*]}" gone "${alive[@]}" || kill -9 "${alive[@]}" 2>/dev/null || true
}

gone() { local pid; for pid; do ! ours "$pid" || return 1; done; }

# answers HOST reports whether an engine answers there.
answers() { docker -H "$1" version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# listens PORT reports whether a process on this machine's loopback accepts connections there.
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# port NAME FILE FIRST prints the port for the process of that name: that in the file if it can be had, else the next free one from
# the first. The file then has it.
port() {
  local port
  if running "$1" && [ -s "$2" ]; then cat "$2"; return; fi
  port=$(cat "$2" 2>/dev/null || echo "$3")
  while listens "$port"; do
    say "port $port is not ours to take: trying the next for $1"
    port=$((port + 1))
  done
  echo "$port" | tee "$2"
}

# fingerprint FILE... prints a short name for these contents.
fingerprint() { cat "$@" | sha256sum | cut -c1-12; }

# publish KEY VALUE writes a line of the environment file.
publish() {
  { grep -sv "^$1=" "$STATE/env" || true; echo "$1=$2"; } | sort >"$STATE/env.new"
  mv "$STATE/env.new" "$STATE/env"
}
