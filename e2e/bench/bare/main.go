// Command bare is a minimal BuildKit client, to measure what that alone costs: one solve for each platform, each with a session
// of its own, the context served by one more session, children pushed by digest. With -tag it also writes an index of them,
// without a look at the tag before. It has no credentials, shows no progress, and uses plain HTTP to the registry.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/filesync"
	"github.com/moby/buildkit/session/grpchijack"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tonistiigi/fsutil"
	"golang.org/x/sync/errgroup"
)

type options struct {
	socket, host, container string
	platforms               []string
	repository, tag, dir    string
}

func main() {
	var o options
	flag.StringVar(&o.socket, "socket", "", "buildkitd's socket")
	flag.StringVar(&o.host, "host", "", "the engine, if there is no -socket")
	flag.StringVar(&o.container, "container", "", "the container in which buildkitd runs, if there is no -socket")
	platforms := flag.String("platforms", "", "comma-separated")
	flag.StringVar(&o.repository, "repository", "", "host/name to push to")
	flag.StringVar(&o.tag, "tag", "", "tag of the index; none: no index")
	flag.Parse()
	o.platforms, o.dir = strings.Split(*platforms, ","), flag.Arg(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	c, err := client.New(ctx, "", client.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return dial(ctx, o) }))
	if err != nil {
		return err
	}
	defer c.Close()
	shared, err := contextSession(ctx, o.dir)
	if err != nil {
		return err
	}
	go func() { _ = shared.Run(context.WithoutCancel(ctx), grpchijack.Dialer(c.ControlClient())) }()
	defer shared.Close()

	children := make([]ocispecs.Descriptor, len(o.platforms))
	var g errgroup.Group
	for i, platform := range o.platforms {
		g.Go(func() (err error) {
			opt := solveOpt(o, platform, shared.ID())
			opt.Internal = i > 0 // one record in BuildKit's history for all, as ours
			children[i], err = solve(ctx, c, platform, opt)
			return err
		})
	}
	if err := g.Wait(); err != nil || o.tag == "" {
		return err
	}
	return putIndex(ctx, o, children)
}

func contextSession(ctx context.Context, dir string) (*session.Session, error) {
	fs, err := fsutil.NewFS(dir)
	if err != nil {
		return nil, err
	}
	s, err := session.NewSession(ctx, "bare:"+dir)
	if err != nil {
		return nil, err
	}
	s.Allow(filesync.NewFSSyncProvider(filesync.StaticDirSource{"context": fs, "dockerfile": fs}))
	return s, nil
}

func solveOpt(o options, platform, shared string) client.SolveOpt {
	return client.SolveOpt{
		Frontend: "dockerfile.v0",
		FrontendAttrs: map[string]string{
			"platform": platform, "local-sessionid:context": shared, "local-sessionid:dockerfile": shared,
		},
		Exports: []client.ExportEntry{{Type: client.ExporterImage, Attrs: map[string]string{
			"name": o.repository, "push": "true", "push-by-digest": "true", "oci-mediatypes": "true",
		}}},
	}
}

func solve(ctx context.Context, c *client.Client, platform string, opt client.SolveOpt) (ocispecs.Descriptor, error) {
	res, err := c.Solve(ctx, nil, opt, nil)
	if err != nil {
		return ocispecs.Descriptor{}, fmt.Errorf("%s: %w", platform, err)
	}
	return child(platform, res.ExporterResponse)
}
