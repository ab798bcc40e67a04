#!/usr/bin/env bash
# Runs a command with the addresses that up.sh left: with.sh go test ./e2e/...
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
set -a
# shellcheck source=/dev/null
. "$STATE/env"
exec "$@"
