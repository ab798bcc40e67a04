# shellcheck shell=bash
# The changes that the environment makes on the machine outside its own folder: emulators registered in the kernel, bridges,
# packet filter rules, forwarding, the folder of SSH servers. `remember` records the state before the first `up`, `restore` restores it, so a handler or a
# rule of the user's own stays.

BINFMT=/proc/sys/fs/binfmt_misc
BRIDGES='multiarch[0-3]|buildkit0|dma[0-9a-f]{8}|br-[0-9a-f]{12}'

remember() {
  local dir=$STATE/before
  [ ! -d "$dir" ] || return 0
  mkdir -p "$dir.new"
  mounted "$BINFMT" && touch "$dir.new/mounted"
  handlers >"$dir.new/handlers"
  bridges >"$dir.new/bridges"
  sysctl -n net.ipv4.ip_forward >"$dir.new/forward"
  iptables -S FORWARD | sed -n 1p >"$dir.new/policy"
  mv "$dir.new" "$dir"
}

# host_ready makes binfmt_misc and forwarding available; it registers nothing.
host_ready() {
  mounted "$BINFMT" || step "mount binfmt_misc" mount -t binfmt_misc binfmt_misc "$BINFMT"
  [ "$(sysctl -n net.ipv4.ip_forward)" = 1 ] || sysctl -qw net.ipv4.ip_forward=1
}

restore() {
  local dir=$STATE/before name rules policy
  [ -d "$dir" ] || return 0
  touch "$dir"/{handlers,bridges} # an earlier version may not have written both
  for name in $(comm -13 "$dir/handlers" <(handlers)); do echo -1 >"$BINFMT/$name"; done
  [ -e "$dir/mounted" ] || ! mounted "$BINFMT" || umount "$BINFMT"
  for name in $(comm -13 "$dir/bridges" <(bridges)); do ip link delete "$name"; done
  for rules in iptables ip6tables; do
    "$rules-save" 2>/dev/null | sed -E "/DOCKER|CNI-|$BRIDGES/d" | "$rules-restore"
  done
  read -r _ _ policy <"$dir/policy"
  iptables -P FORWARD "$policy"
  sysctl -qw net.ipv4.ip_forward="$(cat "$dir/forward")"
  [ ! -e "$dir/no-run-sshd" ] || rmdir /run/sshd
  rm -rf "$dir"
}

mounted() { awk -v at="$1" '$5 == at { found = 1 } END { exit !found }' /proc/self/mountinfo; }

handlers() { find "$BINFMT" -maxdepth 1 -type f ! -name register ! -name status -printf '%f\n' 2>/dev/null | sort; }

# bridges prints those that may be our engines' and builders'.
bridges() { ip -br link show type bridge | cut -d' ' -f1 | grep -xE "$BRIDGES" | sort || true; }

# unmount_all takes down whatever is mounted under FOLDER, the innermost first.
unmount_all() {
  local at
  awk -v dir="$1/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | tac | while read -r at; do umount -l "$at"; done
}
