//go:build e2e

package buildkitmsg

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	spb "github.com/moby/buildkit/sourcepolicy/pb"
	"github.com/tonistiigi/fsutil"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// builds runs builds on a buildkitd.
type builds struct {
	*client.Client
	registry string
	// These speak TLS with an unknown certificate, and plain HTTP where the daemon expects TLS.
	untrusted, plain string
}

// start starts a buildkitd and its registries.
func start(t *testing.T) *builds {
	t.Helper()
	untrusted, plain := httptest.NewTLSServer(nil), httptest.NewServer(nil)
	t.Cleanup(untrusted.Close)
	t.Cleanup(plain.Close)
	b := &builds{untrusted: strings.TrimPrefix(untrusted.URL, "https://"), plain: strings.TrimPrefix(plain.URL, "http://")}
	more := fmt.Sprintf("[registry.%q]\nhttp = false\n[registry.%q]\nhttp = false\n", b.untrusted, b.plain)
	more += fmt.Sprintf("[cdi]\nspecDirs = [%q]\n", describedDevices(t))
	b.Client = newDaemon(t, "", "host", more).connect(t)
	b.registry = newRegistry(t)
	return b
}

// describedDevices returns a folder that describes two devices (a specification of the Container Device Interface).
func describedDevices(t *testing.T) string {
	t.Helper()
	const text = `{"cdiVersion": "0.6.0", "kind": "vendor.example/class", "devices": [
  {"name": "a", "containerEdits": {"env": ["A=1"]}},
  {"name": "b", "containerEdits": {"env": ["B=1"]}}]}`
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "vendor.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// build builds a Dockerfile, in which BASE stands for the base image, and returns all messages. change may change the request.
func (b *builds) build(t *testing.T, dockerfile string, change ...func(*client.SolveOpt)) (*client.SolveStatus, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"Dockerfile": strings.ReplaceAll(dockerfile, "BASE", b.registry+"/base:1"), ".dockerignore": "none\n", "file": t.Name(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fs, err := fsutil.NewFS(dir)
	if err != nil {
		t.Fatal(err)
	}
	opt := client.SolveOpt{
		Frontend: "dockerfile.v0", FrontendAttrs: map[string]string{}, LocalMounts: map[string]fsutil.FS{"context": fs, "dockerfile": fs},
	}
	for _, c := range change {
		c(&opt)
	}
	return b.solve(t, func(ctx context.Context, messages chan *client.SolveStatus) error {
		_, err := b.Solve(ctx, nil, opt, messages)
		return err
	})
}

func (b *builds) solve(t *testing.T, solve func(context.Context, chan *client.SolveStatus) error) (*client.SolveStatus, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	messages, failure := make(chan *client.SolveStatus), make(chan error, 1)
	go func() { failure <- solve(ctx, messages) }()
	var all client.SolveStatus
	for m := range messages {
		all.Vertexes, all.Logs, all.Warnings = append(all.Vertexes, m.Vertexes...), append(all.Logs, m.Logs...), append(all.Warnings, m.Warnings...)
		all.Statuses = append(all.Statuses, m.Statuses...)
	}
	err := <-failure
	if ctx.Err() != nil {
		t.Fatalf("the build did not end: %v", err)
	}
	return &all, err
}

// otherPlatform returns a platform that the base image is missing.
func otherPlatform() platform.Platform {
	if runtime.GOARCH == "s390x" {
		return platform.Platform{OS: "linux", Architecture: "ppc64le"}
	}
	return platform.Platform{OS: "linux", Architecture: "s390x"}
}

func with(key, value string) func(*client.SolveOpt) {
	return func(o *client.SolveOpt) { o.FrontendAttrs[key] = value }
}

// names returns the names of the vertices, each once.
func names(all *client.SolveStatus) []string {
	found := map[string]bool{}
	for _, v := range all.Vertexes {
		found[v.Name] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// must fails the test unless err is recognized.
func must(t *testing.T, err error, recognized func(error) bool) {
	t.Helper()
	if err == nil || !recognized(err) {
		t.Errorf("it is not recognized: %v", err)
	}
}

// oneOf fails the test unless a vertex is recognized.
func oneOf(t *testing.T, all *client.SolveStatus, what string, recognized func(*client.Vertex) bool) {
	t.Helper()
	if !slices.ContainsFunc(all.Vertexes, recognized) {
		for _, v := range all.Vertexes {
			t.Logf("vertex %q, error %q", v.Name, v.Error)
		}
		t.Errorf("%s: no vertex is recognized", what)
	}
}

// Each function of this package recognizes the text for which it was made, on a real buildkitd. A failure after an upgrade of BuildKit names
// the function whose text has changed.
func TestEachTextIsRecognizedOnARealBuildKit(t *testing.T) {
	b := start(t)
	for name, test := range map[string]func(*testing.T, *builds){
		"images": testImages, "policy": testPolicy, "scanner": testScanner, "steps": testSteps, "canceled": testCanceled, "files": testFiles,
		"requests": testRequests, "networks": testNetworks, "retries": testRetries, "exports": testExports, "pushes": testPushes, "imports": testImports,
		"vertices": testVertices, "warnings": testWarnings,
	} {
		t.Run(name, func(t *testing.T) { test(t, b) })
	}
}

func testImages(t *testing.T, b *builds) {
	missing := b.registry + "/none:1"
	_, err := b.build(t, "FROM "+missing+"\nRUN x\n")
	must(t, err, func(err error) bool { return slices.Equal(UnresolvedImages(err), []string{missing}) })
	must(t, err, func(err error) bool { return IsUnresolved(err, missing) })

	_, err = b.build(t, "FROM BASE\nRUN x\n", with("platform", "linux/"+otherPlatform().Architecture))
	must(t, err, func(err error) bool {
		image, ok := MissingPlatformImage(err)
		return ok && image == b.registry+"/base:1"
	})
	// The preflight asks for a configuration without a frontend.
	_, err = b.solve(t, func(ctx context.Context, messages chan *client.SolveStatus) error {
		_, err := b.Build(ctx, client.SolveOpt{}, "", func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
			other := otherPlatform()
			_, _, _, err := gw.ResolveImageConfig(ctx, b.registry+"/base:1", sourceresolver.Opt{
				ImageOpt: &sourceresolver.ResolveImageOpt{Platform: &other},
			})
			return gateway.NewResult(), err
		}, messages)
		return err
	})
	must(t, err, IsMissingPlatform)
}

func testPolicy(t *testing.T, b *builds) {
	_, err := b.build(t, "FROM BASE\nRUN [\"/exit\", \"0\"]\n", func(o *client.SolveOpt) {
		o.SourcePolicy = &spb.Policy{Version: 1, Rules: []*spb.Rule{{
			Action: spb.PolicyAction_DENY, Selector: &spb.Selector{Identifier: "docker-image://" + b.registry + "/base:1"},
		}}}
	})
	must(t, err, IsDenied)
}

func testScanner(t *testing.T, b *builds) {
	scanner := b.registry + "/scanner:1"
	_, err := b.build(t, "FROM BASE\nCOPY file /\n", with("attest:sbom", "generator="+scanner))
	must(t, err, func(err error) bool { return IsUnresolved(err, scanner) })
}

func testSteps(t *testing.T, b *builds) {
	all, err := b.build(t, "FROM BASE\nRUN [\"/exit\", \"139\"]\n")
	must(t, err, IsProcessFailure)
	must(t, err, func(err error) bool { return HasExitCode(err, 139) && !HasExitCode(err, 39+1) })
	oneOf(t, all, "exit code", func(v *client.Vertex) bool { return ExitCode(v.Error) == "exit code: 139" })

	all, err = b.build(t, "FROM BASE\nRUN [\"/text\"]\n")
	text := fmt.Sprint(err)
	for _, l := range all.Logs {
		text += string(l.Data)
	}
	if err == nil || !strings.Contains(text, NotExecutable) {
		t.Errorf("a file that is no program is not recognized: %s", text)
	}
}

func testCanceled(t *testing.T, b *builds) {
	all, err := b.build(t, `FROM BASE AS fails
RUN ["/exit", "1", "2s"]
FROM BASE AS stays
RUN ["/exit", "0", "100s"]
FROM scratch
COPY --from=fails /text /a
COPY --from=stays /text /b
`)
	must(t, err, func(err error) bool { return HasExitCode(err, 1) })
	oneOf(t, all, "canceled", func(v *client.Vertex) bool {
		return strings.Contains(v.Name, "100s") && v.Completed != nil && IsCanceled(v.Error)
	})
}

func testFiles(t *testing.T, b *builds) {
	absent := map[string]error{}
	_, err := b.solve(t, func(ctx context.Context, messages chan *client.SolveStatus) error {
		_, err := b.Build(ctx, client.SolveOpt{}, "", func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
			def, err := llb.Scratch().File(llb.Mkfile("/file", 0o644, []byte("x"))).Marshal(ctx)
			if err != nil {
				return nil, err
			}
			res, err := gw.Solve(ctx, gateway.SolveRequest{Definition: def.ToPB()})
			if err != nil {
				return nil, err
			}
			for _, path := range []string{"/none", "/file/x", "/file"} {
				_, absent[path] = res.Ref.StatFile(ctx, gateway.StatRequest{Path: path})
			}
			_, absent["/none/"] = res.Ref.ReadDir(ctx, gateway.ReadDirRequest{Path: "/none"})
			_, absent["/file/"] = res.Ref.ReadDir(ctx, gateway.ReadDirRequest{Path: "/file/x"})
			return gateway.NewResult(), nil
		}, messages)
		return err
	})
	if err != nil || absent["/file"] != nil {
		t.Fatal(err, absent)
	}
	for _, path := range []string{"/none", "/file/x", "/none/", "/file/"} {
		must(t, absent[path], IsNotExist)
	}
}

func testRequests(t *testing.T, b *builds) {
	_, err := b.build(t, "FROM BASE\nRUN --network=host [\"/exit\", \"0\"]\n")
	must(t, err, func(err error) bool { return IsEntitlementMissing(err, "network.host") })
	_, err = b.build(t, "FROM BASE\nRUN --security=insecure [\"/exit\", \"0\"]\n")
	must(t, err, func(err error) bool { return IsEntitlementMissing(err, "security.insecure") })
	for run, want := range map[string][]string{
		"--device=vendor.example/class=a":                                 {"vendor.example/class=a"},
		"--device=vendor.example/class=a --device=vendor.example/class=b": {"vendor.example/class=a", "vendor.example/class=b"},
	} {
		_, err = b.build(t, "FROM BASE\nRUN "+run+" [\"/exit\", \"0\"]\n")
		must(t, err, func(err error) bool { return slices.Equal(slices.Sorted(slices.Values(DeniedDevices(err))), want) })
	}
	noDevices := *b
	noDevices.Client = newDaemon(t, "", "host", "[cdi]\ndisabled = true\n").connect(t)
	for name, on := range map[string]*builds{"network.host": b, "security.insecure": b, "device": &noDevices} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the client waits for five seconds before it returns the error
			_, err := on.build(t, "FROM BASE\n", func(o *client.SolveOpt) { o.AllowedEntitlements = []string{name} })
			must(t, err, func(err error) bool { return IsEntitlementForbidden(err, name) })
		})
	}
	_, err = b.build(t, "FROM BASE\n", with("frontend.caps", "moby.buildkit.frontend.later"))
	must(t, err, func(err error) bool {
		capability, ok := UnsupportedCapability(err)
		return ok && strings.HasPrefix(capability, "later")
	})
}

func testNetworks(t *testing.T, b *builds) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for registry, want := range map[string]NetworkFailure{
		closed.Addr().String(): NoConnection,
		// A label of more than 63 characters is not looked up.
		strings.Repeat("a", 64) + ".example": UnknownHost,
		b.untrusted:                          BadCertificate,
		b.plain:                              PlainHTTP,
		b.registry:                           NoNetworkFailure,
		b.registry + "/refused":              NoNetworkFailure,
	} {
		_, err := b.build(t, "FROM "+registry+"/none:1\nRUN x\n")
		must(t, err, func(err error) bool { return NetworkFailureOf(err) == want })
	}
}

func testRetries(t *testing.T, b *builds) {
	for image, permanent := range map[string]bool{
		b.registry + "/none:1": true, b.registry + "/refused/a:1": true, b.untrusted + "/a:1": true,
		b.registry + "/busy/a:1": false, b.registry + "/broken/a:1": false,
	} {
		_, err := b.build(t, "FROM "+image+"\nRUN x\n")
		must(t, err, func(err error) bool { return IsPermanent(err) == permanent && (permanent || IsTransient(err)) })
	}
}

// pushedTo returns the repositories that BuildKit began to push manifests to, in their order.
func pushedTo(all *client.SolveStatus) (repositories []string) {
	for _, s := range all.Statuses {
		if repository, ok := PushesManifest(s.ID); ok && !slices.Contains(repositories, repository) {
			repositories = append(repositories, repository)
		}
	}
	return repositories
}

func testExports(t *testing.T, b *builds) {
	image := func(name string) func(*client.SolveOpt) {
		return func(o *client.SolveOpt) {
			o.Exports = []client.ExportEntry{{Type: client.ExporterImage, Attrs: map[string]string{"name": name, "push": "true"}}}
		}
	}
	all, err := b.build(t, "FROM BASE\nCOPY file /\n", image(b.registry+"/readonly/a:1"))
	must(t, err, IsPushFailure)
	if got := pushedTo(all); len(got) != 0 {
		t.Errorf("a push without its layers went on with the manifests for %q", got)
	}

	two := []string{b.registry + "/result", b.registry + "/second"}
	all, err = b.build(t, "FROM BASE\nCOPY file /\n", image(strings.Join(two, ",")), func(o *client.SolveOpt) {
		o.Exports[0].Attrs["push-by-digest"] = "true"
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := pushedTo(all); !slices.Equal(got, two) {
		t.Errorf("manifests were pushed to %q, want %q", got, two)
	}

	all, err = b.build(t, "FROM BASE\nCOPY file /\n", image(b.registry+"/result:1"), func(o *client.SolveOpt) {
		o.CacheExports = []client.CacheOptionsEntry{
			{Type: "registry", Attrs: map[string]string{"ref": b.registry + "/cache:1"}}, {Type: "local", Attrs: map[string]string{"dest": t.TempDir()}},
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	results, exports := 0, 0
	for _, name := range names(all) {
		if IsResultExport(name) {
			results++
		}
		if IsExport(name) {
			exports++
		}
	}
	if results != 1 || exports != 3 {
		t.Errorf("%d results and %d exports are recognized in %q", results, exports, names(all))
	}
}

// testPushes makes pushes fail for the moment, and the steps of the build run without the cache. A second solve without the option finds
// their results there.
func testPushes(t *testing.T, b *builds) {
	pushes := func(name string) func(*client.SolveOpt) {
		return func(o *client.SolveOpt) {
			o.Exports = []client.ExportEntry{{Type: client.ExporterImage, Attrs: map[string]string{"name": b.registry + "/" + name, "push": "true", "push-by-digest": "true"}}}
		}
	}
	for repo, want := range map[string]string{
		"limited": "answered 429 Too Many Requests", "coded": "answered 429 Too Many Requests", "failing": "answered 500 Internal Server Error",
		"cut": "closed the connection",
	} {
		all, err := b.build(t, "FROM BASE\nCOPY file /\n", pushes(repo+"/app"))
		logged := 0
		for _, l := range all.Logs {
			logged = max(logged, RegistryStatus(string(l.Data)))
		}
		must(t, err, func(err error) bool {
			repository, _ := PushedTo(err)
			cause, _ := Momentary(err, logged)
			if cause == "reset the connection" {
				cause = "closed the connection" // either may come first
			}
			return cause == want && repository == b.registry+"/"+repo+"/app"
		})
	}

	dir := t.TempDir()
	for name, text := range map[string]string{"Dockerfile": "FROM " + b.registry + "/base:1\nCOPY file /\nRUN [\"/exit\", \"0\"]\n", "file": t.Name()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range []string{"limited/app", "again/app"} {
		all, err := b.build(t, "", pushes(name), func(o *client.SolveOpt) {
			fs, err := fsutil.NewFS(dir)
			if err != nil {
				t.Fatal(err)
			}
			o.LocalMounts = map[string]fsutil.FS{"context": fs, "dockerfile": fs}
			if i == 0 {
				o.FrontendAttrs["no-cache"] = ""
			}
		})
		if (err != nil) != (i == 0) {
			t.Fatalf("%s: %v", name, err)
		}
		ran := slices.IndexFunc(all.Vertexes, func(v *client.Vertex) bool { return strings.HasPrefix(TrimStep(v.Name), "RUN ") && v.Completed != nil })
		if ran < 0 || all.Vertexes[ran].Cached != (i == 1) {
			t.Errorf("%s: the step is not found, or cached by the wrong solve, in %q", name, names(all))
		}
	}
}

func testImports(t *testing.T, b *builds) {
	dir := t.TempDir()
	cache := client.CacheOptionsEntry{Type: "local", Attrs: map[string]string{"dest": dir}}
	if _, err := b.build(t, "FROM BASE\nCOPY file /\n", func(o *client.SolveOpt) { o.CacheExports = append(o.CacheExports, cache) }); err != nil {
		t.Fatal(err)
	}
	none := b.registry + "/none:1"
	all, err := b.build(t, "FROM BASE\nCOPY file /\n", func(o *client.SolveOpt) {
		o.CacheImports = []client.CacheOptionsEntry{
			{Type: "registry", Attrs: map[string]string{"ref": none}}, {Type: "local", Attrs: map[string]string{"src": dir}},
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	oneOf(t, all, "a cache that is not there", func(v *client.Vertex) bool {
		name, ok := CacheImport(v.Name)
		return ok && name == none && v.Completed != nil && v.Error != ""
	})
	oneOf(t, all, "a local cache", func(v *client.Vertex) bool {
		name, ok := CacheImport(v.Name)
		return ok && strings.HasPrefix(name, "local:") && v.Completed != nil && v.Error == ""
	})
}

func testVertices(t *testing.T, b *builds) {
	native, other := "linux/"+runtime.GOARCH, otherPlatform().Architecture
	all, err := b.build(t, `FROM --platform=$BUILDPLATFORM BASE AS compile
ARG TARGETARCH
RUN ["/exit", "0"]
FROM scratch
COPY --from=compile /text /
COPY file /
`, with("platform", native+",linux/"+other))
	if err != nil {
		t.Fatal(err)
	}
	var loads, steps []string
	for _, name := range names(all) {
		if IsInputLoad(name) {
			loads = append(loads, name)
		}
		if prefix, instruction, ok := SplitStep(name); ok && instruction == TrimStep(name) {
			steps = append(steps, strings.Join([]string{prefix, Stage(name), TrimDigests(instruction)}, "|"))
		}
	}
	if len(loads) != 3 {
		t.Errorf("these load an input: %q", loads)
	}
	for _, want := range []string{
		native + " compile 1/2|compile|FROM " + b.registry + "/base:1", native + "->" + other + ` compile 2/2|compile|RUN ["/exit", "0"]`,
		"linux/" + other + " stage-1 1/2|stage-1|COPY --from=compile /text /", "linux/" + other + " stage-1 2/2|stage-1|COPY file /",
	} {
		if !slices.Contains(steps, want) {
			t.Errorf("%q is not among %q", want, steps)
		}
	}
	if t.Failed() {
		t.Logf("the vertices are %q", names(all))
	}
}

func testWarnings(t *testing.T, b *builds) {
	all, err := b.build(t, "FROM BASE AS Compile\nCOPY file /\n")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(all.Warnings, func(w *client.VertexWarning) bool {
		d := Warning(w)
		return d.Check == "StageNameCasing" && d.Line == 1 && strings.Contains(d.Message, "'Compile'") && !strings.Contains(d.Message, "line")
	}) {
		for _, w := range all.Warnings {
			t.Logf("warning %q", w.Short)
		}
		t.Error("no warning is recognized")
	}
}

func TestAFullDiskOfBuildKitIsRecognized(t *testing.T) {
	d := newDaemon(t, "", "host", "")
	root := filepath.Join(d.dir, "root")
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size=16m"); err != nil {
		testenv.SkipBecause(t, err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(root, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	c := d.connect(t)
	_, err := c.Build(t.Context(), client.SolveOpt{}, "", func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
		for i := range 4 { // a request is smaller than 16 MiB
			def, err := llb.Scratch().File(llb.Mkfile(fmt.Sprint("/", i), 0o644, make([]byte, 6<<20))).Marshal(ctx)
			if err != nil {
				return nil, err
			}
			if _, err := gw.Solve(ctx, gateway.SolveRequest{Definition: def.ToPB(), Evaluate: true}); err != nil {
				return nil, err
			}
		}
		return gateway.NewResult(), nil
	}, nil)
	must(t, err, IsNoSpace)
}

func TestTheComplaintsOfADaemonThatCannotStartAreRecognized(t *testing.T) {
	if lines := newDaemon(t, "", "host", "", "--no-such-flag").fails(t); !slices.ContainsFunc(lines, IsUsageError) {
		t.Errorf("the complaint about a flag is not recognized: %q", lines)
	}
	if lines := newDaemon(t, "", "bridge", "").fails(t); !slices.ContainsFunc(lines, IsBridgeFailure) {
		t.Errorf("the failure of the bridge is not recognized: %q", lines)
	}
}
