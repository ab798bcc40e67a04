package recipe_test

import "testing"

// BenchmarkJudge judges a typical stage of a service.
func BenchmarkJudge(b *testing.B) {
	r := find(b, "go")
	st := stage{runs: []string{
		"apk add --no-cache git ca-certificates", "go mod download && go mod verify",
		`set -eux; for c in api worker cron; do go build -trimpath -ldflags "-s -w -X main.v=$(git describe)" -o /out/$c ./cmd/$c; done`,
	}, env: cgoOff, leaves: []string{"/out/api", "/out/worker"}}.build(b)
	for b.Loop() {
		r.Precheck(st)
		r.Judge(st)
	}
}
