package buildkittest

import (
	"context"
	"io"
	"net"
	"sync"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/exporter"
	"github.com/moby/buildkit/session/testutil"
	"github.com/moby/buildkit/util/bklog"
	"github.com/sirupsen/logrus"
)

// Serve implements solve.Solver. The builder's end of the session is gone when it returns.
func (b *Builder) Serve(ctx context.Context, run func(context.Context, session.Dialer) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.life, cancel)() //nolint:contextcheck // of the builder
	log := logrus.New()
	log.SetOutput(io.Discard) // the manager logs the end of a session
	mine, end := context.WithCancel(bklog.WithLogger(context.WithoutCancel(ctx), logrus.NewEntry(log)))
	var handling sync.WaitGroup
	defer handling.Wait()
	defer end()
	return run(ctx, func(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
		handling.Add(1)
		return testutil.TestStream(func(_ context.Context, conn net.Conn, meta map[string][]string) error {
			defer handling.Done()
			return b.sessions.HandleConn(mine, conn, meta)
		})(ctx, proto, meta)
	})
}

// ask calls do with the solve's own session, which serves the services of the solve's options. BuildKit's client opens it with
// the solve; few tests need it, so it is opened on request.
func (j *job) ask(ctx context.Context, do func(session.Caller) error) error {
	own, err := session.NewSession(ctx, "")
	if err != nil {
		return err
	}
	for _, a := range j.Opt.Session {
		own.Allow(a)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = j.builder.Serve(context.WithoutCancel(ctx), own.Run)
	}()
	defer func() {
		_ = own.Close()
		<-served
	}()
	caller, err := j.builder.sessions.Get(ctx, own.ID(), false)
	if err != nil {
		return err
	}
	return do(caller)
}

// tellExported tells the solve's session what was exported.
func (j *job) tellExported(ctx context.Context, resp *client.SolveResponse) error {
	return j.ask(ctx, func(caller session.Caller) error {
		_, err := exporter.NewExporterClient(caller.Conn()).FinalizeExport(ctx, &exporter.FinalizeExportRequest{ExporterResponse: resp.ExporterResponse})
		return err
	})
}
