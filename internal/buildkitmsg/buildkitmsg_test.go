package buildkitmsg

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
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

func TestALintWarningIsSplit(t *testing.T) {
	rule, message, ok := LintWarning("StageNameCasing: Stage name 'A' should be lowercase (line 3)", 3)
	if rule != "StageNameCasing" || message != "Stage name 'A' should be lowercase" || !ok {
		t.Errorf("got %q, %q, %v", rule, message, ok)
	}
	if _, _, ok := LintWarning("no rule", 3); ok {
		t.Error("a text without a rule is one")
	}
}
