# shellcheck shell=bash
# A shell for every platform without pulling an image: Debian has a static busybox for each of its architectures. They
# are fetched with a private apt, so that the machine's own packages stay of one architecture.

# busyboxes prints the folder that holds them, as linux-arm64/busybox, and their applets' paths in the file applets.
busyboxes() {
  local dir
  dir=$CACHE/busybox-$(fingerprint <(declare -f private_apt busybox_sources fetch_busyboxes))
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
  local new=$1.partial apt archs platform arch
  rm -rf "$new"
  mkdir -p "$new"
  mapfile -t archs < <(busybox_sources | awk '{ print $2 ":" $3 }')
  private_apt "$new.apt" "${archs[@]}"
  cd "$new.apt" || return
  mapfile -t archs < <(busybox_sources | cut -d' ' -f2)
  "${apt[@]}" download "${archs[@]/#/busybox-static:}"
  while read -r platform arch _; do
    dpkg -x busybox-static_*_"$arch".deb "$arch"
    mkdir -p "$new/$platform"
    find "$arch" -path '*/bin/busybox' -exec cp {} "$new/$platform/" \;
  done < <(busybox_sources)
  "$new/linux-amd64/busybox" --list-full >"$new/applets"
  rm -rf "$new.apt"
  mv "$new" "$1"
}
