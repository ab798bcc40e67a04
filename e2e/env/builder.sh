# shellcheck shell=bash
# The builder image where none can be pulled: a root file system with what the published one has (BuildKit, runc, the
# network plugins of its bridge worker, iptables, git, a shell), imported under the published name. Its variants, for the
# tests, are made from whatever bears that name, so they come out alike on a machine that pulled the published one.

BUILDER=moby/buildkit:buildx-stable-1
BUILDER_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# builder_image HOST BUILDKIT RUNC CNI BUSYBOXES imports it into that engine, unless these very parts are in it.
builder_image() {
  local made
  made=$(fingerprint <(declare -f builder_import builder_archive copy_programs; echo "${@:2}"))
  [ "$(made_from "$1" $BUILDER)" != "$made" ] || return 0
  step "import $BUILDER ($(engine_label "$1"))" builder_import "$made" "$@"
}

# engine_label HOST names an engine for people: the folder of its socket, or its address.
engine_label() { local label=${1%/docker.sock}; echo "${label##*/}"; }

made_from() { docker -H "$1" image inspect -f '{{index .Config.Labels "docker-multiarch.e2e"}}' "$2" 2>/dev/null || true; }

builder_import() {
  local made=$1 host=$2 archive=$CACHE/builder-$1.tar
  shift 2
  [ -s "$archive" ] || locked "$CACHE" builder_archive "$archive" "$@"
  docker -H "$host" import -c 'ENTRYPOINT ["buildkitd"]' -c 'VOLUME /var/lib/buildkit' -c "ENV PATH=$BUILDER_PATH" \
    -c 'ENV BUILDKIT_SETUP_CGROUPV2_ROOT=1' -c "LABEL docker-multiarch.e2e=$made" "$archive" $BUILDER
}

# builder_archive FILE BUILDKIT RUNC CNI BUSYBOXES
builder_archive() {
  local root=$1.root plugin link
  rm -rf "$CACHE"/builder-*.tar*
  mkdir -p "$root"/{bin,sbin,etc/ssl/certs,root,run,tmp,usr/bin,usr/sbin,usr/share/git-core/templates,var/lib/buildkit}
  chmod 1777 "$root/tmp"
  cp "$2"/build{kitd,ctl} "$root/usr/bin/"
  cp "$3/runc" "$root/usr/bin/buildkit-runc"
  for plugin in "$4"/*; do cp "$plugin" "$root/usr/bin/buildkit-cni-${plugin##*/}"; done
  cp "$5/linux-$(go env GOARCH)/busybox" "$root/bin/"
  while read -r link; do [ -e "$root/$link" ] || ln -s /bin/busybox "$root/$link"; done <"$5/applets"
  copy_programs "$root" /usr/sbin/ip{,6}tables /usr/lib/*/xtables/*.so /usr/bin/ssh /usr/bin/git \
    /usr/lib/git-core/git-{remote-http,remote-https,submodule,sh-setup,sh-i18n,sh-i18n--envsubst}
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  echo root:x:0:0:root:/root:/bin/sh >"$root/etc/passwd"
  echo root:x:0: >"$root/etc/group"
  tar -C "$root" --owner=0 --group=0 --numeric-owner -cf "$1.partial" .
  mv "$1.partial" "$1"
  rm -rf "$root"
}

# copy_programs ROOT FILE... copies these of the machine's own files, and the libraries they load, to the same paths.
copy_programs() {
  local root=$1 file
  shift
  {
    printf '%s\n' "$@"
    ldd "$@" 2>/dev/null | awk 'NF > 1 && $(NF - 1) ~ "^/" { print $(NF - 1) }' || true # scripts among them are no failure
  } | sort -u | while read -r file; do
    mkdir -p "$root${file%/*}"
    cp --remove-destination -L "$file" "$root$file"
  done
}

# trust_builders HOST... publishes the IDs of these images on those engines. They were not pulled, and docker multiarch runs
# images that were not pulled only if its user trusts them.
trust_builders() {
  publish DOCKER_MULTIARCH_TRUST_IMAGE "$(trusted_builders "$@" | sort -u | paste -sd, -)"
}

trusted_builders() {
  local host
  for host; do
    docker -H "$host" image inspect -f '{{.Id}}' $BUILDER moby/buildkit:e2e-{nobridge,old,qemu} 2>/dev/null || true # those that are there
  done
}

# builder_variants HOST [QEMU] makes the images that only tests want, each the builder image with one thing changed:
#   e2e-nobridge   has no network plugins
#   e2e-old        says that it is BuildKit v0.11.0, everywhere it says what it is
#   e2e-qemu       has BuildKit's own emulators for arm64 and arm, as the published image does
builder_variants() {
  local variant id
  id=$(docker -H "$1" image inspect -f '{{.Id}}' $BUILDER)
  for variant in nobridge old qemu; do
    [ "$(made_from "$1" "moby/buildkit:e2e-$variant")" = "$id" ] ||
      step "derive moby/buildkit:e2e-$variant ($(engine_label "$1"))" variant "$1" "$variant" "$id"
  done
}

# variant HOST NAME ID changes a container made from the image, then keeps it as an image.
variant() {
  local docker=(docker -H "$1") name=docker-multiarch-variant-$2 files
  files=$(mktemp -d)
  "${docker[@]}" rm -f "$name" || true
  "${docker[@]}" create --name "$name" --entrypoint rm $BUILDER -f /usr/bin/buildkit-cni-{bridge,firewall,host-local,loopback}
  "variant_$2" "$name" "$files" "${docker[@]}"
  "${docker[@]}" commit -c 'ENTRYPOINT ["buildkitd"]' -c 'CMD []' -c "LABEL docker-multiarch.e2e=$3" "$name" "moby/buildkit:e2e-$2"
  "${docker[@]}" rm -fv "$name"
  rm -rf "$files"
}

variant_nobridge() { "${@:3}" start -a "$1"; }

variant_qemu() {
  local arch
  for arch in aarch64 arm; do
    [ ! -e "/usr/bin/qemu-$arch-static" ] || "${@:3}" cp "/usr/bin/qemu-$arch-static" "$1:/usr/bin/buildkit-qemu-$arch"
  done
}

# Versions of equal length are exchanged in the program itself, so that what it reports while running is old as well.
variant_old() {
  local old=v0.11.0 new
  "${@:3}" cp "$1:/usr/bin/buildkitd" "$2/buildkitd"
  new=$("$2/buildkitd" --version | grep -o 'v[0-9.]*' | sed -n 1p)
  [ ${#new} -eq ${#old} ] || { echo "no old version as long as $new"; return 1; }
  LC_ALL=C sed -i "s/${new//./\\.}/$old/g" "$2/buildkitd"
  "${@:3}" cp "$2/buildkitd" "$1:/usr/bin/buildkitd"
}
