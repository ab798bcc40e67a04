package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// waits are all ways to wait for an engine.
var waits = map[string]func(context.Context, *engine.Engine) error{
	"image": func(ctx context.Context, e *engine.Engine) error { _, err := e.Image(ctx, "x"); return err },
	"names": func(ctx context.Context, e *engine.Engine) error { _, err := e.Names(ctx, "x"); return err },
	"inspect": func(ctx context.Context, e *engine.Engine) error {
		_, _, err := e.InspectContainer(ctx, "x")
		return err
	},
	"list": func(ctx context.Context, e *engine.Engine) error { _, err := e.ListContainers(ctx, "x"); return err },
	"logs": func(ctx context.Context, e *engine.Engine) error { _, err := e.Logs(ctx, "x", 1); return err },
	"pull": func(ctx context.Context, e *engine.Engine) error { return e.Pull(ctx, "x:1", "", nil) },
	"load": func(ctx context.Context, e *engine.Engine) error {
		return e.Load(ctx, func(w io.Writer) error { _, err := w.Write([]byte("x")); return err })
	},
	"save": func(ctx context.Context, e *engine.Engine) error {
		rc, err := e.Save(ctx, "x")
		if err != nil {
			return err
		}
		defer rc.Close()
		_, err = io.Copy(io.Discard, rc)
		return err
	},
	"stop": func(ctx context.Context, e *engine.Engine) error { return e.StopContainer(ctx, "x", 1) },
	"exec": func(ctx context.Context, e *engine.Engine) error {
		_, err := e.Exec(ctx, "x", []string{"y"}, nil)
		return err
	},
	"dial": func(ctx context.Context, e *engine.Engine) error {
		_, err := e.Dial(ctx, "x", []string{"y"})
		return err
	},
	"volume":  func(ctx context.Context, e *engine.Engine) error { _, err := e.RemoveVolume(ctx, "x"); return err },
	"volumes": func(ctx context.Context, e *engine.Engine) error { _, err := e.HasVolume(ctx, "x"); return err },
	"content": func(ctx context.Context, e *engine.Engine) error { _, err := e.Content(ctx); return err },
	"registry": func(ctx context.Context, e *engine.Engine) error {
		_, err := e.RegistryDigest(ctx, "x:1", "")
		return err
	},
}

// stopped is an engine that takes connections and says nothing, except to pings as long as alive says so. Streams have begun.
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
	var calls sync.WaitGroup
	for name, call := range waits {
		calls.Go(func() {
			err := call(t.Context(), e)
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
