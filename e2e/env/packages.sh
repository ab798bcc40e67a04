# shellcheck shell=bash
# What comes from Debian: the engine with the classic image store, the emulators, the C library that runc is linked with.
# Only a machine without an engine of its own gets these, and starting what they bring is left to us.

# packages NAME... installs those that are missing.
packages() {
  local missing
  mapfile -t missing < <(comm -23 <(printf '%s\n' "$@" | sort) <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | sort))
  [ ${#missing[@]} -eq 0 ] || step "install ${missing[*]}" apt_install "${missing[@]}"
}

debian_root() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

apt_install() {
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}

# private_apt FOLDER ARCH:RELEASE... makes an apt that knows Debian's packages of these architectures and releases, keeps what it
# knows in that folder, and leaves the machine's own alone. It is in the array apt, as words to put a command behind.
private_apt() {
  local dir=$1 keys=/usr/share/keyrings/debian-archive-keyring.gpg mirror arch
  shift
  rm -rf "$dir"
  mkdir -p "$dir/lists/partial"
  # shellcheck disable=SC2016 # apt's own variable
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' | sed -n 1p)
  printf '%s\n' "$@" | awk -F: -v from="${mirror:-http://deb.debian.org/debian}" -v keys="$keys" '
    { archs[$2] = archs[$2] $1 "," }
    END { for (r in archs) print "deb [arch=" archs[r] " signed-by=" keys "] " from " " r " main" }' >"$dir/sources"
  apt=(apt-get -qq -o "Dir::Etc::sourcelist=$dir/sources" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State=$dir"
    -o Dir::State::status=/dev/null -o "Dir::Cache=$dir" -o Dir::Cache::pkgcache=packages -o APT::Sandbox::User=root
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
  for arch; do apt+=("-oAPT::Architectures::=${arch%:*}"); done
  "${apt[@]}" update
}
