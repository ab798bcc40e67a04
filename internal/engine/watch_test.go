package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// waits has all calls that wait for an engine, by the name of the method.
var waits = map[string]func(context.Context, *engine.Engine) error{
	"HasImage":       func(ctx context.Context, e *engine.Engine) error { _, err := e.HasImage(ctx, "x"); return err },
	"ImageID":        func(ctx context.Context, e *engine.Engine) error { _, err := e.ImageID(ctx, "x"); return err },
	"Image":          func(ctx context.Context, e *engine.Engine) error { _, err := e.Image(ctx, "x"); return err },
	"ImageIDs":       func(ctx context.Context, e *engine.Engine) error { _, err := e.ImageIDs(ctx); return err },
	"ImagePlatforms": func(ctx context.Context, e *engine.Engine) error { _, err := e.ImagePlatforms(ctx, "x"); return err },
	"Children":       func(ctx context.Context, e *engine.Engine) error { _, err := e.Children(ctx, "x"); return err },
	"Names":          func(ctx context.Context, e *engine.Engine) error { _, err := e.Names(ctx, "x"); return err },
	"Tag":            func(ctx context.Context, e *engine.Engine) error { return e.Tag(ctx, "x", "y") },
	"RemoveImage":    func(ctx context.Context, e *engine.Engine) error { return e.RemoveImage(ctx, "x") },
	"RemoveNameless": func(ctx context.Context, e *engine.Engine) error { return e.RemoveNameless(ctx, "x") },
	"InspectContainer": func(ctx context.Context, e *engine.Engine) error {
		_, _, err := e.InspectContainer(ctx, "x")
		return err
	},
	"LastEnd": func(ctx context.Context, e *engine.Engine) error {
		_, _, err := e.LastEnd(ctx, container.InspectResponse{ID: "x", State: &container.State{StartedAt: "2026-11-30T08:00:00Z"}})
		return err
	},
	"ListContainers":   func(ctx context.Context, e *engine.Engine) error { _, err := e.ListContainers(ctx, "x"); return err },
	"Logs":             func(ctx context.Context, e *engine.Engine) error { _, err := e.Logs(ctx, "x", 1); return err },
	"StartContainer":   func(ctx context.Context, e *engine.Engine) error { return e.StartContainer(ctx, "x") },
	"UnpauseContainer": func(ctx context.Context, e *engine.Engine) error { return e.UnpauseContainer(ctx, "x") },
	"StopContainer":    func(ctx context.Context, e *engine.Engine) error { return e.StopContainer(ctx, "x", 1) },
	"RemoveContainer":  func(ctx context.Context, e *engine.Engine) error { return e.RemoveContainer(ctx, "x") },
	"RenameContainer":  func(ctx context.Context, e *engine.Engine) error { return e.RenameContainer(ctx, "x", "y") },
	"CopyTo": func(ctx context.Context, e *engine.Engine) error {
		return e.CopyTo(ctx, "x", "/", strings.NewReader(""))
	},
	"CopyFrom": func(ctx context.Context, e *engine.Engine) error { return drained(e.CopyFrom(ctx, "x", "/")) },
	"Pull":     func(ctx context.Context, e *engine.Engine) error { return e.Pull(ctx, "x:1", "", nil) },
	"Load": func(ctx context.Context, e *engine.Engine) error {
		return e.Load(ctx, func(w io.Writer) error { _, err := w.Write([]byte("x")); return err })
	},
	"PullPlatform": func(ctx context.Context, e *engine.Engine) error {
		return e.PullPlatform(ctx, "x:1", ocispecs.Platform{})
	},
	"Save": func(ctx context.Context, e *engine.Engine) error { return drained(e.Save(ctx, "x")) },
	"Exec": func(ctx context.Context, e *engine.Engine) error {
		_, err := e.Exec(ctx, "x", []string{"y"}, nil)
		return err
	},
	"Dial": func(ctx context.Context, e *engine.Engine) error {
		_, err := e.Dial(ctx, "x", []string{"y"}, nil)
		return err
	},
	"RemoveVolume": func(ctx context.Context, e *engine.Engine) error { _, err := e.RemoveVolume(ctx, "x"); return err },
	"HasVolume":    func(ctx context.Context, e *engine.Engine) error { _, err := e.HasVolume(ctx, "x"); return err },
	"Content":      func(ctx context.Context, e *engine.Engine) error { _, err := e.Content(ctx); return err },
	"DialBuildKit": func(ctx context.Context, e *engine.Engine) error { _, err := e.DialBuildKit(ctx); return err },
	"RegistryDigest": func(ctx context.Context, e *engine.Engine) error {
		_, err := e.RegistryDigest(ctx, "x:1", "")
		return err
	},
}

// creations has the calls that let the engine create a container, for some seconds, after they are cancelled.
var creations = map[string]func(context.Context, *engine.Engine) error{
	"CreateContainer": func(ctx context.Context, e *engine.Engine) error {
		_, err := e.CreateContainer(ctx, client.ContainerCreateOptions{Config: &container.Config{Image: "x"}})
		return err
	},
	"Run": func(ctx context.Context, e *engine.Engine) error {
		_, err := e.Run(ctx, engine.RunSpec{Image: "x"})
		return err
	},
	"HostGateway": func(ctx context.Context, e *engine.Engine) error { _, err := e.HostGateway(ctx, "x"); return err },
}

// drained reads an answer to its end.
func drained(answer io.ReadCloser, err error) error {
	if err != nil {
		return err
	}
	defer answer.Close()
	_, err = io.Copy(io.Discard, answer)
	return err
}

func TestEveryWayToWaitForAnEngineIsTested(t *testing.T) {
	others := []string{"Host", "Near", "Answers", "Info", "Origins", "RecordLeftovers", "Temporary", "Away"} // make no request, or have a limit of their own, or begin with a call that has
	for i := range reflect.TypeFor[*engine.Engine]().NumMethod() {
		name := reflect.TypeFor[*engine.Engine]().Method(i).Name
		if waits[name] == nil && creations[name] == nil && !slices.Contains(others, name) {
			t.Errorf("whether %s ends when the engine does is not tested", name)
		}
	}
}

// stopped is an engine that accepts connections and does not answer, except to pings while alive returns true. Streams have
// begun.
func stopped(t *testing.T, alive func() bool, answer http.HandlerFunc) client.APIClient {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		switch {
		case strings.HasSuffix(req.URL.Path, "/_ping") && alive():
			w.Header().Set("Api-Version", "1.41")
			return
		case answer != nil:
			answer(w, req)
			return
		case req.URL.Path == "/v1.41/images/get" || req.URL.Path == "/v1.41/images/create" || req.URL.Path == "/v1.41/images/load":
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
		}
		<-req.Context().Done()
	}))
	t.Cleanup(func() {
		server.CloseClientConnections() // a request for a connection that was given up is still waiting
		server.Close()
	})
	api, err := client.New(client.WithHost("tcp://"+server.Listener.Addr().String()), client.WithAPIVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func TestAnEngineThatStopsAnsweringEndsEveryCallByName(t *testing.T) {
	e := engine.NewWatched(stopped(t, func() bool { return false }, nil), 10*time.Millisecond, 100*time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // ends a call that is not watched
	defer cancel()
	var calls sync.WaitGroup
	all := maps.Clone(waits)
	maps.Copy(all, creations)
	for name, call := range all {
		calls.Go(func() {
			err := call(ctx, e)
			if !errors.Is(err, engine.ErrUnreachable) || !strings.Contains(fmt.Sprint(err), e.Host()+" has not answered for 100ms") {
				t.Errorf("%s: got %v", name, err)
			}
		})
	}
	calls.Wait()
}

func TestAWaitForAnEngineEndsWithTheContext(t *testing.T) {
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	e := engine.New(stopped(t, func() bool { return true }, nil))
	var calls sync.WaitGroup
	for name, call := range waits {
		calls.Go(func() {
			if err := call(ctx, e); !errors.Is(err, why) && !errors.Is(err, context.Canceled) || errors.Is(err, engine.ErrUnreachable) {
				t.Errorf("%s: got %v", name, err)
			}
		})
	}
	cancel(why)
	calls.Wait()
}

func TestAnEngineThatAnswersMayTakeItsTime(t *testing.T) {
	var pings atomic.Int32
	asked := make(chan struct{}, 100)
	e := engine.NewWatched(stopped(t, func() bool { pings.Add(1); asked <- struct{}{}; return true }, func(w http.ResponseWriter, _ *http.Request) {
		for range 3 {
			<-asked
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"Id":"sha256:1"}`)
	}), 10*time.Millisecond, time.Minute)
	if id, err := e.ImageID(t.Context(), "x"); err != nil || id != "sha256:1" {
		t.Errorf("got %q, %v after %d pings", id, err, pings.Load())
	}
}

func TestAnEngineIsAwayIfNothingAnswersAtItsAddress(t *testing.T) {
	api := func(host string) client.APIClient {
		c, err := client.New(client.WithHost(host))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "tcp://" + l.Addr().String()
	if engine.At(address, api(address)).Away() {
		t.Error("an engine that accepts connections is away")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if engine.At(address, api(address)).Away() {
		t.Error("an engine whose machine refuses connections is away")
	}
	if engine.At("unix:///nowhere", api("unix:///nowhere")).Away() {
		t.Error("an engine of this machine is away")
	}
	const nowhere = "tcp://255.255.255.255:1" // no route leads there
	if !engine.At(nowhere, api(nowhere)).Away() {
		t.Error("an engine without a route to it is not away")
	}
}
