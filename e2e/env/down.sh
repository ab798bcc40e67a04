#!/usr/bin/env bash
# Takes down what up.sh brought up and removes its state: processes, containers, mounts, network links, emulators
# registered since. Says nothing when all goes well. Built tools stay in the cache, unless `--cache` is given.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
for part in host engines kubernetes present; do
  # shellcheck source=/dev/null
  . "$HERE/$part.sh"
done

down() {
  if [ -d "$STATE/present" ]; then present_down; else own_down; fi
  rm -rf "$STATE"
}

own_down() {
  local name nodes
  mapfile -t nodes < <(leftovers "$STATE/nodes/") # of tests that were killed
  end "${nodes[@]}"
  kube_stop
  for name in classic containerd; do engine_stop "$name"; done
  cgroup_end "$(cgroup own)-*" # of tests that were killed
  stop registry
  stop ssh
  unmount_all "$STATE"
  restore
}

[ ! -d "$STATE" ] || locked "$(dirname "$STATE")" down
case ${1-} in
  --cache) rm -rf "$CACHE" ;;
  ?*) die "usage: down.sh [--cache]" ;;
esac
