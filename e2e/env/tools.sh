#!/usr/bin/env bash
# Builds the programs that the tests need from the Go module proxy, since most machines have other versions of them or
# none: each folder of tools/ is a Go module whose `tool` lines and go.sum pin what is built. Results live in the
# cache, named after what made them, so a changed pin builds anew and an unchanged one costs nothing.
#
#   tools.sh NAME...    builds these and prints the folders that hold their programs
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

GO=$(go env GOVERSION GOARCH)

# tool NAME prints the folder that holds the programs of tools/NAME, after building them if need be.
tool() {
  local dir
  dir=$(tool_dir "$1")
  [ -d "$dir" ] || locked "$CACHE/tools" build_once "$1" "$dir"
  echo "$dir"
}

tool_dir() { echo "$CACHE/tools/$1-$(fingerprint "$HERE/tools/$1"/* <(recipe "$1"; echo "$GO"))"; }

build_once() { [ -d "$2" ] || step "build $1" build "$1" "$2"; }

build() {
  local words
  mapfile -t words < <(recipe "$1")
  rm -rf "$2.partial"
  mkdir -p "$2.partial"
  cd "$HERE/tools/$1"
  env "${words[@]}" -o "$2.partial/" "$([ -f main.go ] && echo . || echo tool)"
  mv "$2.partial" "$2"
}

# recipe NAME prints the command that builds it, a word a line. Versions are stamped where the program cannot know them.
recipe() {
  local ld='-s -w' cgo=0 tags=''
  case $1 in
    buildkit) ld+=" $(stamp buildkit github.com/moby/buildkit version.Version version.Revision)" ;;
    buildx) ld+=" $(stamp buildx github.com/docker/buildx version.Version)" ;;
    dockerd) ld+=" $(stamp dockerd github.com/moby/moby/v2 dockerversion.Version | sed s/=v/=/)" ;;
    kubernetes) ld+=" $(kubernetes_stamp)" ;;
    runc) ld+=' -extldflags -static' cgo=1 tags=netgo,osusergo,seccomp ;;
  esac
  printf '%s\n' "CGO_ENABLED=$cgo" nice go build -trimpath "-tags=$tags" "-ldflags=$ld"
}

# stamp NAME MODULE VARIABLE... prints the linker's words that set these variables to the version pinned in tools/NAME.
stamp() {
  local module=$2 version variable
  version=$(awk -v m="$2" '$1 == m { print $2; exit }' "$HERE/tools/$1/go.mod")
  shift 2
  for variable; do printf -- '-X %s/%s=%s ' "$module" "$variable" "$version"; done
}

# kubernetes_stamp is the stamp of Kubernetes, which keeps its version in another module and wants its parts as well.
kubernetes_stamp() {
  local in=k8s.io/component-base/version version
  version=$(awk '$1 == "k8s.io/kubernetes" { print $2; exit }' "$HERE/tools/kubernetes/go.mod")
  printf -- '-X %s.gitVersion=%s -X %s.gitMajor=%s -X %s.gitMinor=%s ' $in "$version" \
    $in "$(cut -d. -f1 <<<"${version#v}")" $in "$(cut -d. -f2 <<<"$version")"
}

[ "${BASH_SOURCE[0]}" != "$0" ] || for name; do tool "$name"; done
