#!/usr/bin/env bash
# Runs a command with the addresses that up.sh left: with.sh go test ./e2e/...
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
set -a
# shellcheck source=/dev/null
. "$STATE/env"
# A running environment that an older up.sh has left lacks it.
if [ -z "${DOCKER_MULTIARCH_TRUST_IMAGE-}" ]; then
  # shellcheck source=builder.sh
  . "$HERE/builder.sh"
  DOCKER_MULTIARCH_TRUST_IMAGE=$(trusted_builders ${MULTIARCH_E2E_CLASSIC-} ${MULTIARCH_E2E_CONTAINERD-} | sort -u | paste -sd, -)
fi
exec "$@"
