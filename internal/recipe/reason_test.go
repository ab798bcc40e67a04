package recipe_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReasonsIncludeTheFix covers the reasons that users read.
func TestReasonsIncludeTheFix(t *testing.T) {
	gcc := map[string]string{"/usr/bin/gcc": "x", "/etc/ssl/certs/ca-certificates.crt": "x"}
	for _, tt := range []struct {
		st   stage
		want string
	}{
		{
			stage{runs: []string{"make build"}},
			"Dockerfile:10 command: RUN make build may do something else on another CPU. ",
		}, {
			stage{runs: []string{"go test ./...", build}},
			"Dockerfile:10 command: RUN go test ./... runs what it builds. run it in a stage of its own, from which nothing is copied",
		}, {
			stage{runs: []string{"go mod download", build}, files: gcc},
			"Dockerfile:11 cgo: RUN go build -o /out/app . may use cgo: its base image has a C compiler (/usr/bin/gcc). " +
				"if the program needs no C, write ENV CGO_ENABLED=0 in the stage",
		}, {
			stage{runs: []string{"CGO_ENABLED=1 " + build}},
			"Dockerfile:10 cgo: RUN CGO_ENABLED=1 go build -o /out/app . uses cgo (CGO_ENABLED=1). if the program needs no C, write ENV CGO_ENABLED=0 in the stage",
		}, {
			stage{runs: []string{build}, leaves: []string{"/etc/ssl/certs/ca-certificates.crt"}, files: gcc, env: cgoOff},
			"Dockerfile:30 leaves-base: /etc/ssl/certs/ca-certificates.crt is copied from it, and comes from its base image. " +
				"copy it from another stage, or take it from the final stage's own base image",
		}, {
			stage{runs: []string{"apk add tzdata && " + build}, leaves: []string{"/usr/share/zoneinfo"}, env: cgoOff},
			"Dockerfile:30 leaves-packages: /usr/share/zoneinfo is copied from it, which may come from a package for this CPU. " +
				"copy it from another stage, or take it from the final stage's own base image",
		}, {
			stage{runs: []string{`go build -ldflags "-X main.arch=$(uname -m)"`}, env: cgoOff},
			"Dockerfile:10 arch: RUN uname -m asks for the CPU that it runs on. " +
				"remove it from the stage, or write FROM --platform=$BUILDPLATFORM and GOARCH=$TARGETARCH yourself",
		}, {
			stage{runs: []string{"GOARCH=$TARGETARCH " + build}, env: cgoOff},
			"Dockerfile:10 env: RUN GOARCH=$TARGETARCH go build -o /out/app . sets GOARCH to an empty value. leave GOARCH out, or declare the ARG that it is set to",
		}, {
			stage{runs: []string{"GOOS=darwin " + build}, env: cgoOff},
			"Dockerfile:10 author: RUN GOOS=darwin go build -o /out/app . builds for GOOS=darwin, not for linux/arm64. leave GOOS out: the build sets it for the platform",
		}, {
			stage{runs: []string{"GOBIN=/out go install ./..."}, env: cgoOff},
			"Dockerfile:10 install: RUN GOBIN=/out go install ./... sets GOBIN, which go install refuses for another CPU. write go build -o instead of go install",
		}, {
			stage{runs: []string{build}, env: cgoOff, native: map[string]string{"/usr/local/go/VERSION": "go1.25.1\n"}},
			" base: its base image has different versions of Go for linux/amd64 and linux/arm64: go1.25.1 and go1.26.8. ",
		},
	} {
		_, why := judge(t, tt.st.build(t))
		at := ""
		if why.Line > 0 {
			at = fmt.Sprintf("%s:%d", why.File, why.Line)
		}
		if diff := cmp.Diff(tt.want, fmt.Sprintf("%s %s: %s. %s", at, why.Check, why.Message, why.Fix)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
