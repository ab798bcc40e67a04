# shellcheck shell=bash
# Roots of a real distribution, each with the libraries of a second, narrower architecture beside its own: what has to be verified
# without an alarm. They are Debian's packages, unpacked as debootstrap does it and not configured.

# debian_roots prints the folder that holds them, as amd64.tar and arm64.tar.
debian_roots() {
  local dir
  dir=$CACHE/debian-$(fingerprint <(declare -f private_apt debian_packages fetch_debian debian_root_tar))
  [ -d "$dir" ] || locked "$CACHE" debian_once "$dir"
  echo "$dir"
}

debian_once() { [ -d "$1" ] || step "fetch roots of Debian" fetch_debian "$1"; }

# debian_packages ARCH NARROW prints what is in the root of an architecture. Some of it is there because it is hard to judge: boot
# loaders for no operating system, objects to link, libraries under other names.
debian_packages() {
  local arch=$1
  printf "%s:$arch\n" base-passwd bash binutils-common coreutils dash findutils grep gzip libc-bin libc6 libc6-dev libbinutils libcap2 \
    libcrypt1 libexpat1 libgcc-s1 libgmp10 libpcre2-8-0 libpython3.11-minimal libselinux1 libssl3 libstdc++6 libtinfo6 openssl perl-base \
    python3-minimal python3.11-minimal sed systemd-boot-efi tar util-linux zlib1g
  printf "%s:$2\n" libc6 libcrypt1 libgcc-s1 libssl3 libstdc++6 zlib1g
  echo "base-files:$arch"
  [ "$arch" != amd64 ] || printf '%s:all\n' syslinux-common ipxe-qemu
}

fetch_debian() {
  local new=$1.partial apt arch narrow words
  rm -rf "$new"
  mkdir -p "$new"
  private_apt "$new.apt" amd64:bookworm i386:bookworm arm64:bookworm armhf:bookworm
  while read -r arch narrow; do
    mkdir "$new.apt/$arch"
    cd "$new.apt/$arch" || return
    mapfile -t words < <(debian_packages "$arch" "$narrow")
    "${apt[@]}" download "${words[@]}"
    debian_root_tar "$new/$arch.tar"
  done <<<$'amd64 i386\narm64 armhf'
  rm -rf "$new.apt"
  mv "$new" "$1"
}

# debian_root_tar FILE writes the root of the packages in the working directory, where /bin and its like lead to /usr.
debian_root_tar() {
  local deb dir
  for dir in bin sbin lib lib32 lib64; do
    mkdir -p "root/usr/$dir"
    ln -s "usr/$dir" "root/$dir"
  done
  for deb in *.deb; do dpkg-deb --fsys-tarfile "$deb" | tar -xp -C root --keep-directory-symlink; done
  rm -rf root/usr/share/{doc,locale,man,info}
  tar -c -f "$1" -C root --sort=name --owner=0 --group=0 --numeric-owner .
}
