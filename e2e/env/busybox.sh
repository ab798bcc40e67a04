# shellcheck shell=bash
# A shell for every platform without pulling an image: Debian has a static busybox for each of its architectures. They
# are fetched with a private list of sources, so that the machine's own packages stay of one architecture.

# busyboxes prints the folder that holds them, as linux-arm64/busybox, and their applets' paths in the file applets.
busyboxes() {
  local dir
  dir=$CACHE/busybox-$(fingerprint <(declare -f busybox_sources fetch_busyboxes))
  [ -d "$dir" ] || locked "$CACHE" busyboxes_once "$dir"
  echo "$dir"
}

busyboxes_once() { [ -d "$1" ] || step "fetch a busybox for each platform" fetch_busyboxes "$1"; }

# platform, Debian's name for it, and a release that has it
busybox_sources() {
  cat <<'LIST'
linux-amd64 amd64 bookworm
linux-386 i386 bookworm
linux-arm64 arm64 bookworm
linux-arm-v7 armhf bookworm
linux-mips64le mips64el bookworm
linux-ppc64le ppc64el bookworm
linux-s390x s390x bookworm
linux-riscv64 riscv64 trixie
LIST
}

fetch_busyboxes() {
  local new=$1.partial keys=/usr/share/keyrings/debian-archive-keyring.gpg apt archs mirror platform arch
  rm -rf "$new" "$new.apt"
  mkdir -p "$new.apt/lists/partial"
  cd "$new.apt" || return
  # shellcheck disable=SC2016 # apt's own variable
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' | sed -n 1p)
  busybox_sources | awk -v from="${mirror:-http://deb.debian.org/debian}" -v keys="$keys" '
    { archs[$3] = archs[$3] $2 "," }
    END { for (r in archs) print "deb [arch=" archs[r] " signed-by=" keys "] " from " " r " main" }' >sources
  apt=(apt-get -qq -o "Dir::Etc::sourcelist=$PWD/sources" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State=$PWD"
    -o Dir::State::status=/dev/null -o "Dir::Cache=$PWD" -o Dir::Cache::pkgcache=packages -o APT::Sandbox::User=root
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
  mapfile -t archs < <(busybox_sources | cut -d' ' -f2)
  "${apt[@]}" "${archs[@]/#/-oAPT::Architectures::=}" update
  "${apt[@]}" "${archs[@]/#/-oAPT::Architectures::=}" download "${archs[@]/#/busybox-static:}"
  while read -r platform arch _; do
    dpkg -x busybox-static_*_"$arch".deb "$arch"
    mkdir -p "$new/$platform"
    find "$arch" -path '*/bin/busybox' -exec cp {} "$new/$platform/" \;
  done < <(busybox_sources)
  "$new/linux-amd64/busybox" --list-full >"$new/applets"
  rm -rf "$new.apt"
  mv "$new" "$1"
}
