package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
)

func TestInfoAsksTheEngineOnce(t *testing.T) {
	fake := &enginetest.Engine{Info: system.Info{
		ID: "id", Name: "host", OSType: "linux", Architecture: "x86_64", ServerVersion: "28.0", NCPU: 4,
		DriverStatus:    [][2]string{{"driver-type", "io.containerd.snapshotter.v1"}},
		SecurityOptions: []string{"name=seccomp,profile=builtin", "name=userns"},
		CgroupDriver:    "cgroupfs",
		HTTPProxy:       "http://proxy:1",
		RegistryConfig: &registry.ServiceConfig{
			InsecureRegistryCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
			IndexConfigs: map[string]*registry.IndexInfo{
				"docker.io": {Secure: true}, "reg.example:5000": {Secure: false},
			},
			Mirrors: []string{"https://mirror.example/"},
		},
	}}
	e := engine.New(fake.Start(t))
	var got engine.Info
	for range 2 {
		var err error
		if got, err = e.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := engine.Info{
		ID: "id", Name: "host", OSType: "linux", Arch: "x86_64", Version: "28.0", NCPU: 4,
		ContainerdStore: true, UserNS: true, CgroupFS: true, HTTPProxy: "http://proxy:1",
		InsecureRegistries: []string{"127.0.0.0/8", "reg.example:5000"},
		Mirrors:            []string{"https://mirror.example/"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	asked := 0
	for _, c := range fake.Calls() {
		if c == "GET /info" {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("the engine was asked %d times", asked)
	}
}

func TestAnEngineThatIsNotThereIsUnreachable(t *testing.T) {
	c, err := client.New(client.WithHost("unix://" + filepath.Join(t.TempDir(), "none.sock")))
	if err != nil {
		t.Fatal(err)
	}
	e := engine.New(c)
	if _, err := e.Info(t.Context()); !errors.Is(err, engine.ErrUnreachable) {
		t.Errorf("Info: %v", err)
	}
	if _, err := e.HasImage(t.Context(), "x"); !errors.Is(err, engine.ErrUnreachable) {
		t.Errorf("HasImage: %v", err)
	}
}

func TestAnEngineThatEndsInTheMiddleOfAnAnswerIsUnreachable(t *testing.T) {
	fake := &enginetest.Engine{Images: map[string]string{"img": "sha256:1"}}
	fake.Process = func(*enginetest.Container, []string, io.Reader, io.Writer, io.Writer) int { return 0 }
	fake.Answer = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/wait") {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		return false
	}
	if _, err := engine.New(fake.Start(t)).Run(t.Context(), engine.RunSpec{Image: "img"}); !errors.Is(err, engine.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}

func TestRunReturnsOutputAndStatusAndRemovesTheContainer(t *testing.T) {
	fake := &enginetest.Engine{
		Images: map[string]string{"img": "sha256:1"},
		Process: func(_ *enginetest.Container, cmd []string, stdin io.Reader, stdout, stderr io.Writer) int {
			in, _ := io.ReadAll(stdin)
			fmt.Fprintf(stdout, "%s|%s", strings.Join(cmd, " "), in)
			fmt.Fprint(stderr, "oops")
			return 3
		},
	}
	e := engine.New(fake.Start(t))
	got, err := e.Run(t.Context(), engine.RunSpec{Image: "img", Entrypoint: []string{"sh"}, Cmd: []string{"-c", "x"}, Stdin: []byte("in")})
	if err != nil {
		t.Fatal(err)
	}
	want := engine.RunResult{Stdout: []byte("sh -c x|in"), Stderr: []byte("oops"), ExitCode: 3}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if n := len(fake.Containers()); n != 0 {
		t.Errorf("%d containers are left", n)
	}
}

func TestRunRemovesTheContainerWhenItIsCancelled(t *testing.T) {
	running := make(chan struct{})
	fake := &enginetest.Engine{
		Images: map[string]string{"img": "sha256:1"},
		Process: func(_ *enginetest.Container, _ []string, stdin io.Reader, _, _ io.Writer) int {
			close(running)
			_, _ = io.Copy(io.Discard, stdin) // until the connection is gone
			return 0
		},
	}
	e := engine.New(fake.Start(t))
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	go func() {
		<-running
		cancel(why)
	}()
	if _, err := e.Run(ctx, engine.RunSpec{Image: "img"}); !errors.Is(err, why) {
		t.Errorf("the cause is missing: %v", err)
	}
	if n := len(fake.Containers()); n != 0 {
		t.Errorf("%d containers are left", n)
	}
}

func TestDialCarriesBothWaysAndEndsWithTheCommandsError(t *testing.T) {
	ended := make(chan struct{})
	fake := &enginetest.Engine{
		Images: map[string]string{"img": "sha256:1"},
		Process: func(_ *enginetest.Container, _ []string, stdin io.Reader, stdout, stderr io.Writer) int {
			defer close(ended)
			line := make([]byte, 5)
			_, _ = io.ReadFull(stdin, line)
			fmt.Fprintf(stdout, "got ")
			fmt.Fprintf(stdout, "%s", line)
			fmt.Fprint(stderr, "no such socket\n")
			return 1
		},
	}
	e := engine.New(fake.Start(t))
	id, err := e.CreateContainer(t.Context(), client.ContainerCreateOptions{Image: "img", Name: "c"})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.StartContainer(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	conn, err := e.Dial(t.Context(), "c", []string{"tool"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if string(got) != "got hello" || err == nil || err.Error() != "no such socket" {
		t.Errorf("read %q, %v", got, err)
	}
	<-ended
}

func TestClosingADialedConnectionEndsTheCommandsInput(t *testing.T) {
	ended := make(chan struct{})
	fake := &enginetest.Engine{
		Images: map[string]string{"img": "sha256:1"},
		Process: func(_ *enginetest.Container, _ []string, stdin io.Reader, _, _ io.Writer) int {
			_, _ = io.Copy(io.Discard, stdin)
			close(ended)
			return 0
		},
	}
	e := engine.New(fake.Start(t))
	id, err := e.CreateContainer(t.Context(), client.ContainerCreateOptions{Image: "img"})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.StartContainer(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	conn, err := e.Dial(t.Context(), id, []string{"tool"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(conn.Close(), conn.Close()); err != nil {
		t.Error(err)
	}
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("the command still waits for input")
	}
}

func TestPullReportsStatesAndFailsWithTheEnginesReason(t *testing.T) {
	fake := &enginetest.Engine{Pull: func(ref string) error {
		if ref != "good:1" {
			return errors.New("manifest unknown")
		}
		return nil
	}}
	e := engine.New(fake.Start(t))
	var lines []string
	if err := e.Pull(t.Context(), "good:1", "", func(l string) { lines = append(lines, l) }); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff([]string{"Downloaded newer image for good:1"}, lines); d != "" {
		t.Error(d)
	}
	err := e.Pull(t.Context(), "bad:1", "", nil)
	if err == nil || !strings.Contains(err.Error(), `pull image "bad:1"`) || !strings.Contains(err.Error(), "manifest unknown") {
		t.Errorf("got %v", err)
	}
}

func TestAnUnusableEngineSaysWhy(t *testing.T) {
	reason := errors.New("there is no Docker context")
	eng := engine.Unusable("tcp://engine:1", reason)
	if _, err := eng.Info(t.Context()); !errors.Is(err, reason) || errors.Is(err, engine.ErrUnreachable) || err.Error() != reason.Error() {
		t.Errorf("its information: %v", err)
	}
	if _, err := eng.Save(t.Context(), "image"); !errors.Is(err, reason) {
		t.Errorf("an image of it: %v", err)
	}
	if eng.Host() != "tcp://engine:1" {
		t.Errorf("it is at %s", eng.Host())
	}
}
