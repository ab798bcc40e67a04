#!/usr/bin/env bash
# Says what the compiler does not: golangci-lint at the version that tools/ pins, whether go.mod is tidy, and shellcheck
# over the scripts, which root on Debian is given and others need to have.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
for part in tools packages; do
  # shellcheck source=/dev/null
  . "$HERE/$part.sh"
done
cd "$HERE/../.."

golangci=$(tool golangci-lint)
for module in . e2e/env/tools/baseimages; do
  (cd "$module" && "$golangci/golangci-lint" run ./... && go mod tidy -diff)
done

! debian_root || packages shellcheck
shellcheck -x .ci/run e2e/env/*.sh e2e/env/runc-without-sys-resource examples/*/*.sh
