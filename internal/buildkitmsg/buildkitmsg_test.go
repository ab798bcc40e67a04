package buildkitmsg

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
)

func TestAnImageThatWasNotLookedUpIsNamed(t *testing.T) {
	const resolving = "failed to resolve source metadata for "
	for name, tt := range map[string]struct {
		text    string
		images  []string
		missing string
	}{
		"missing":            {resolving + "docker.io/library/a:1: docker.io/library/a:1: not found", []string{"docker.io/library/a:1"}, ""},
		"a missing platform": {"x: " + resolving + "r/a: no match for platform in manifest: not found", []string{"r/a"}, "r/a"},
		"two":                {resolving + "r/a: denied\n" + resolving + "r/b: denied", []string{"r/a", "r/b"}, ""},
		"another error":      {"no match for platform in manifest: not found", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := errors.New(tt.text)
			if diff := cmp.Diff(tt.images, UnresolvedImages(err)); diff != "" {
				t.Error(diff)
			}
			if got, ok := MissingPlatformImage(err); got != tt.missing || ok != (tt.missing != "") {
				t.Errorf("the platform is missing from %q, %v", got, ok)
			}
			if len(tt.images) > 0 && (!IsUnresolved(err, tt.images[0]) || IsUnresolved(err, "r/z")) {
				t.Error("the image is not known by its name")
			}
		})
	}
}

func TestAStepsNameIsSplitIntoItsStageAndItsInstruction(t *testing.T) {
	for name, want := range map[string][4]string{ // prefix, instruction, stage, without its prefix
		"[2/4] RUN make":                          {"2/4", "RUN make", "", "RUN make"},
		"[build 2/4] RUN make":                    {"build 2/4", "RUN make", "build", "RUN make"},
		"[linux/amd64->arm64 build  2/12] COPY .": {"linux/amd64->arm64 build  2/12", "COPY .", "build", "COPY ."},
		"[linux/arm64 2/4] RUN [ -e /x ] || make": {"linux/arm64 2/4", "RUN [ -e /x ] || make", "", "RUN [ -e /x ] || make"},
		"[internal] load build context":           {"", "", "", "load build context"},
		"RUN [a 1/2] b":                           {"", "", "", "RUN [a 1/2] b"},
	} {
		prefix, instruction, ok := SplitStep(name)
		if got := [4]string{prefix, instruction, Stage(name), TrimStep(name)}; got != want || ok != (want[0] != "") {
			t.Errorf("%s: got %q, %v", name, got, ok)
		}
	}
}

func TestAVertexNameOfAReadingForSeveralPlatformsIsThatForOne(t *testing.T) {
	for name, want := range map[string][2]string{ // the name for one platform, and the platform
		"[linux/arm64 build 2/4] RUN make":               {"[build 2/4] RUN make", "linux/arm64"},
		"[linux/amd64->arm64 build  2/12] COPY .":        {"[build  2/12] COPY .", "linux/amd64->arm64"},
		"[linux/arm/v7  2/12] RUN make":                  {"[ 2/12] RUN make", "linux/arm/v7"},
		"[linux/arm64 1/2] FROM alpine":                  {"[1/2] FROM alpine", "linux/arm64"},
		"[windows(10.0.17763)/amd64 1/2] COPY a b":       {"[1/2] COPY a b", "windows(10.0.17763)/amd64"},
		"[linux/arm64 internal] load metadata for x/y:1": {"[internal] load metadata for x/y:1", "linux/arm64"},
		"[1/2] FROM x/y":                                 {"[1/2] FROM x/y", ""},
		"[ 2/12] RUN make":                               {"[ 2/12] RUN make", ""},
		"[build 2/4] RUN ls /":                           {"[build 2/4] RUN ls /", ""},
		"[internal] load build context":                  {"[internal] load build context", ""},
		"exporting to image":                             {"exporting to image", ""},
		"docker-image://x/y:1":                           {"docker-image://x/y:1", ""},
	} {
		got, platform := TrimPlatform(name)
		if got != want[0] || platform != want[1] {
			t.Errorf("%s: got %q, %q", name, got, platform)
		}
	}
}

func TestTheReasonWhyARegistryDidNotAnswerIsKnown(t *testing.T) {
	for text, want := range map[string]NetworkFailure{
		"dial tcp 127.0.0.1:1: connect: connection refused":               NoConnection,
		"dial tcp: lookup a.example on 10.0.0.2:53: no such host":         UnknownHost,
		"tls: failed to verify certificate: x509: signed by unknown":      BadCertificate,
		"http: server gave HTTP response to HTTPS client":                 PlainHTTP,
		"unexpected status from HEAD request: 401 Unauthorized":           NoNetworkFailure,
		"docker.io/library/a@sha256:0: not found":                         NoNetworkFailure,
		"lookup a.example: server misbehaving, then certificate trouble ": UnknownHost,
	} {
		if got := NetworkFailureOf(errors.New(text)); got != want {
			t.Errorf("%s: got %d, not %d", text, got, want)
		}
	}
}

func TestAWarningAboutALineHasItsRule(t *testing.T) {
	at := []*pb.Range{{Start: &pb.Position{Line: 3}}}
	for text, want := range map[string]diag.Diagnostic{
		"StageNameCasing: Stage name 'A' should be lowercase (line 3)": {Check: "StageNameCasing", Message: "Stage name 'A' should be lowercase"},
		"no rule (line 3)":    {Message: "no rule (line 3)"},
		"not a rule: no line": {Message: "not a rule: no line"},
	} {
		want.Severity, want.File, want.Line, want.URL = diag.Warning, "Dockerfile", 3, "https://docs.example"
		got := Warning(&client.VertexWarning{Short: []byte(text), URL: want.URL, SourceInfo: &pb.SourceInfo{Filename: "Dockerfile"}, Range: at})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	if got := Warning(&client.VertexWarning{Short: []byte("Rule: of no line")}); got.Check != "" || got.Message != "Rule: of no line" {
		t.Errorf("got %+v", got)
	}
}

func TestReasonsOfADaemonsEndLeaveOutTracesAndTheListOfFlags(t *testing.T) {
	for name, tt := range map[string]struct{ log, want string }{
		"a stack trace": {
			"level=info msg=hello\nbuildkitd: invalid network mode: \"x\"\n1234 v0.33.1\nmain.main\n\t/src/main.go:12\nruntime.goexit\n\t/src/asm.s:1\n",
			"level=info msg=hello\nbuildkitd: invalid network mode: \"x\"\n1234 v0.33.1",
		},
		"a flag":         {"Incorrect Usage: flag provided but not defined: -x\n\nNAME:\n   buildkitd\n   --help, -h  show help\n", "Incorrect Usage: flag provided but not defined: -x"},
		"below rootless": {"Incorrect Usage: -x\n\nNAME:\n   --help\n[rootlesskit:parent] error: child exited: exit status 1\n", "Incorrect Usage: -x"},
		"something else": {"a\nb", "a\nb"},
		"nothing at all": {"", ""},
	} {
		if got := strings.Join(Reasons(strings.Split(tt.log, "\n")), "\n"); got != tt.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
