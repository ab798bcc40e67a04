package solve

import (
	"archive/tar"
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	fstypes "github.com/tonistiigi/fsutil/types"
	"google.golang.org/grpc/encoding"

	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/pins"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/internal/source"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

func TestTheContextIsSentOnceForAllPlatforms(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.mustRun()
	sent := 0
	for _, s := range w.Solves() {
		sent += s.Context
	}
	if sent != 1 {
		t.Errorf("the context was sent %d times", sent)
	}
}

func TestEachSolveHasItsOwnAttributesAndSessionAndAllNameOneContextSession(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	t.Setenv("A_SECRET", "s3cret")
	w.req.Secrets = []secretsprovider.Source{{ID: "token", Env: "A_SECRET"}}
	w.mustRun()
	solves := w.Solves()
	for i, s := range solves {
		attrs := s.Opt.FrontendAttrs
		if id := attrs["local-sessionid:context"]; id == "" || id != solves[0].Opt.FrontendAttrs["local-sessionid:context"] || id != attrs["local-sessionid:dockerfile"] {
			t.Errorf("%v", attrs)
		}
		for _, other := range solves[i+1:] {
			if attrs["platform"] == other.Opt.FrontendAttrs["platform"] || &s.Opt.Session[0] == &other.Opt.Session[0] || s.Opt.Session[0] == other.Opt.Session[0] {
				t.Errorf("solves %s and %s share something", attrs["platform"], other.Opt.FrontendAttrs["platform"])
			}
		}
		attrs["platform"] = "changed" // the maps must be independent
	}
	for _, s := range solves {
		for _, r := range s.Requests {
			if r.FrontendOpt["platform"] == "changed" {
				t.Error("what is asked of the frontend is the options' own map")
			}
		}
	}
}

func TestEachPlatformGetsTheSecrets(t *testing.T) {
	w := newHarness(t, "FROM alpine\nRUN --mount=type=secret,id=token true\n")
	t.Setenv("A_SECRET", "s3cret")
	w.req.Secrets = []secretsprovider.Source{{ID: "token", Env: "A_SECRET"}}
	w.mustRun()
	for _, s := range w.Solves() {
		if diff := cmp.Diff([]string{"token=s3cret"}, s.Secrets); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for k, v := range s.Opt.FrontendAttrs {
			if strings.Contains(v, "s3cret") {
				t.Errorf("attribute %s tells the secret", k)
			}
		}
	}
}

func TestANameThatIsNotUTF8IsSentAsItIs(t *testing.T) {
	sent, name := encoding.GetCodecV2("proto"), "bad-\xff\xfe.txt"
	data, err := sent.Marshal(&fstypes.Packet{Stat: &fstypes.Stat{Path: name, Linkname: name}})
	if err != nil {
		t.Fatal(err)
	}
	var got fstypes.Packet
	if err := sent.Unmarshal(data, &got); err != nil || got.Stat.Path != name || got.Stat.Linkname != name {
		t.Errorf("%v arrived: %v", &got, err)
	}
}

func TestAnArchiveFromStandardInputIsReadByEveryPlatform(t *testing.T) {
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	content := "FROM alpine\nCOPY . /\nRUN echo hello\n"
	_ = tw.WriteHeader(&tar.Header{Name: "Dockerfile", Size: int64(len(content)), Mode: 0o644})
	_, _ = tw.Write([]byte(content))
	_ = tw.Close()
	w := newHarness(t, "")
	w.source(source.Options{Context: "-", Stdin: &archive})
	w.mustRun()
	if n := w.Ran("RUN echo hello"); n != 3 {
		t.Errorf("the step ran %d times", n)
	}
	if n := w.Runs(); n != 1 {
		t.Errorf("read %d times: a spooled context needs no pin", n)
	}
}

func TestADockerfileFromStandardInputIsReadByEveryPlatform(t *testing.T) {
	w := newHarness(t, "")
	w.source(source.Options{Context: "-", Stdin: strings.NewReader(runsForTheTarget[:len("FROM alpine\nRUN echo hello\n")])})
	w.mustRun()
	if n := w.Ran("RUN echo hello"); n != 3 {
		t.Errorf("the step ran %d times", n)
	}
}

func TestTheRequestIsTheFrontendsAttributes(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.platforms("linux/arm64")
	plain := w.req.attrs(w.req.Platforms[0], "S")
	want := map[string]string{
		"platform": "linux/arm64", "filename": "Dockerfile", "local-sessionid:context": "S", "local-sessionid:dockerfile": "S",
	}
	if diff := cmp.Diff(want, plain); diff != "" {
		t.Errorf("plain (-want +got):\n%s", diff)
	}
	w.req.BuildArgs = map[string]string{"A": "b=c"}
	w.req.Labels = map[string]string{"org": "x"}
	w.req.Target, w.req.ExtraHosts, w.req.Network = "final", []string{"a=1.2.3.4", "b=::1"}, "none"
	w.req.NoCache, w.req.Pull = true, true
	w.req.Steps = Steps{CgroupParent: "g", ShmSize: 64, Ulimits: []string{"core=1:2", "nofile=3:4"}, Limits: map[string]string{"memory": "5"}}
	for k, v := range map[string]string{
		"build-arg:A": "b=c", "label:org": "x", "target": "final", "add-hosts": "a=1.2.3.4,b=::1", "force-network-mode": "none",
		"no-cache": "", "image-resolve-mode": "pull", "cgroup-parent": "g", "shm-size": "64", "ulimit": "core=1:2,nofile=3:4", "memory": "5",
	} {
		want[k] = v
	}
	if diff := cmp.Diff(want, w.req.attrs(w.req.Platforms[0], "S")); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
}

func TestAFrontendIsToldWhatItMustKnow(t *testing.T) {
	for name, tt := range map[string]struct {
		attrs map[string]string
		want  string
	}{
		"nothing":                    {nil, ""},
		"a named context":            {map[string]string{"context:lib": "local:lib"}, "moby.buildkit.frontend.contexts+forward"},
		"a git context with a query": {map[string]string{"context": "https://example.com/app.git?ref=v1"}, "moby.buildkit.frontend.gitquerystring"},
		"a git context without":      {map[string]string{"context": "https://example.com/app.git#v1"}, ""},
		"a named context with a query": {
			map[string]string{"context:lib": "https://example.com/app.git?ref=v1"},
			"moby.buildkit.frontend.contexts+forward,moby.buildkit.frontend.gitquerystring+forward",
		},
	} {
		r := Request{Source: source.Source{Attrs: tt.attrs}}
		if got := r.attrs(amd64, "S")["frontend.caps"]; got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func TestASolveExportsByDigestOnly(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.req.Tags = w.tags("app:v1", "other:v1")
	for family, types := range map[manifest.Family]string{"": "true", manifest.OCI: "true", manifest.Docker: "false"} {
		w.req.MediaTypes = family
		j := job{target: w.req.Platforms[0], nodeRun: &nodeRun{task: task{req: w.req, files: &sink.StagedFiles{}}}}
		want := []client.ExportEntry{{Type: "image", Attrs: map[string]string{
			"name": "*", "push": "true", "push-by-digest": "true", "store": "false", "oci-mediatypes": types,
		}}}
		if diff := cmp.Diff(want, j.exports(t.Context(), index.NewDocuments()), cmp.FilterPath(func(p cmp.Path) bool {
			return strings.HasPrefix(p.Last().String(), ".Output")
		}, cmp.Ignore())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", family, diff)
		}
	}
}

func TestTheHostsNetworkIsAnEntitlement(t *testing.T) {
	for network, want := range map[string][]string{"": {"device"}, "none": {"device"}, "host": {"network.host", "device"}} {
		r := nodeRun{task: task{req: Request{Network: network, Steps: Steps{Entitlements: []string{"device"}}}}}
		opt, err := r.options(nil, pins.Pins{})
		if diff := cmp.Diff(want, opt.AllowedEntitlements); err != nil || diff != "" {
			t.Errorf("network %q: %v (-want +got):\n%s", network, err, diff)
		}
	}
}
