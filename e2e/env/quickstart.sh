#!/usr/bin/env bash
# The first five minutes with docker multiarch, for real: builds examples/hello for three platforms, pushes it to a
# registry on this machine, then pulls and runs the image of each platform and shows what it says. Images are pulled by
# the digests that the build reported, since an engine with the classic store keeps one platform of a tag only.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
"$HERE/up.sh" quickstart
# shellcheck source=/dev/null
. "$STATE/env"
export DOCKER_HOST=$MULTIARCH_E2E_ENGINE DOCKER_MULTIARCH_TRUST_IMAGE

image=$MULTIARCH_E2E_REGISTRY/hello
report=$(mktemp)
trap 'rm -f "$report"' EXIT

run() { printf '\n$ %s\n' "$*" >&2; "$@"; }

run docker multiarch build --platform linux/amd64,linux/arm64,linux/arm/v7 --build-arg "BASE=$MULTIARCH_E2E_BASE" \
  -t "$image:latest" --push --metadata-file "$report" "$HERE/../../examples/hello"

awk -F'"' '/"platform":/ { platform = $4 } /"manifest":/ { print platform, $4 }' "$report" | while read -r platform digest; do
  run docker pull -q --platform "$platform" "$image@$digest" >/dev/null
  run docker run --rm --platform "$platform" "$image@$digest"
done
printf '\nTo go on by hand: export DOCKER_HOST=%s\n' "$DOCKER_HOST${DOCKER_MULTIARCH_TRUST_IMAGE:+ DOCKER_MULTIARCH_TRUST_IMAGE=$DOCKER_MULTIARCH_TRUST_IMAGE}" >&2
