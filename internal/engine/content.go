package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	cerrdefs "github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// ErrNoContent means that an engine does not show its content: it has no containerd store, or a proxy before it supports HTTP
// requests only.
var ErrNoContent = errors.New("the engine does not show its content")

// Content is the content of an engine's containerd store, blob by blob. Close it.
type Content struct {
	conn   *grpc.ClientConn
	client contentapi.ContentClient
	watch  watch
}

// Content connects to the engine's content, through the API endpoint by which BuildKit's clients reach the engine; it serves
// containerd's content service beside BuildKit's. If it does not, the error is [ErrNoContent].
func (e *Engine) Content(ctx context.Context) (*Content, error) {
	raw, err := e.DialBuildKit(ctx)
	if errors.Is(err, ErrUnreachable) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoContent, err)
	}
	// There is one connection, already made: when it breaks there is no other.
	once := make(chan net.Conn, 1)
	once <- raw
	conn, err := grpc.NewClient("passthrough:///engine", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			select {
			case c := <-once:
				return c, nil
			default:
				return nil, net.ErrClosed
			}
		}))
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	c := &Content{conn: conn, client: contentapi.NewContentClient(conn), watch: e.watch}
	if _, err := c.Has(ctx, digest.FromString("")); errors.Is(err, ErrUnreachable) {
		return nil, errors.Join(err, c.Close())
	} else if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrNoContent, err), c.Close())
	}
	return c, nil
}

// DialBuildKit connects to the engine's own BuildKit. If it breaks, an engine that has stopped is not noticed: the caller watches it.
func (e *Engine) DialBuildKit(ctx context.Context) (net.Conn, error) {
	ctx, done := e.watch.attend(ctx)
	defer done()
	res, err := hijacked(ctx, func() (client.HijackedResponse, error) {
		conn, err := e.api.DialHijack(ctx, "/grpc", "h2c", nil)
		return client.HijackedResponse{Conn: conn}, err
	})
	return res.Conn, withCause(ctx, err)
}

// Has reports whether the engine has the whole of a blob.
func (c *Content) Has(ctx context.Context, d digest.Digest) (bool, error) {
	_, err := c.info(ctx, d)
	switch {
	case err == nil:
		return true, nil
	case cerrdefs.IsNotFound(err):
		return false, nil
	default:
		return false, fmt.Errorf("look for %s in the engine: %w", d, err)
	}
}

func (c *Content) info(ctx context.Context, d digest.Digest) (*contentapi.InfoResponse, error) {
	ctx, done := c.watch.attend(ctx)
	defer done()
	res, err := c.client.Info(ctx, &contentapi.InfoRequest{Digest: d.String()})
	return res, withCause(ctx, errgrpc.ToNative(err))
}

// originLabel is the prefix of the labels in which containerd records the repositories that it has fetched a blob from, or pushed
// it to: one label per registry, without its port, with paths between commas (containerd, core/remotes/docker/handler.go).
// Neither a build nor an import sets them.
const originLabel = "containerd.io/distribution.source."

// origins returns the full names of the repositories that a blob was fetched from, in no order. A missing blob has none.
func (c *Content) origins(ctx context.Context, d digest.Digest) ([]string, error) {
	res, err := c.info(ctx, d)
	if cerrdefs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look where the engine has %s from: %w", d, err)
	}
	var names []string
	for label, paths := range res.GetInfo().GetLabels() {
		if registry, ok := strings.CutPrefix(label, originLabel); ok {
			for path := range strings.SplitSeq(paths, ",") {
				names = append(names, registry+"/"+path)
			}
		}
	}
	return names, nil
}

// Close ends the connection.
func (c *Content) Close() error { return c.conn.Close() }
