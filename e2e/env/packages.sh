# shellcheck shell=bash
# What comes from Debian: the engine with the classic image store, the emulators, the C library that runc is linked with.
# Only a machine without an engine of its own gets these, and starting what they bring is left to us.

# packages NAME... installs those that are missing.
packages() {
  local missing
  mapfile -t missing < <(comm -23 <(printf '%s\n' "$@" | sort) <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | sort))
  [ ${#missing[@]} -eq 0 ] || step "install ${missing[*]}" install "${missing[@]}"
}

debian_root() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

install() {
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}
