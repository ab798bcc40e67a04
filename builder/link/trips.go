package link

import (
	"context"
	"io"
	"sync/atomic"

	controlapi "github.com/moby/buildkit/api/services/control"
	bkclient "github.com/moby/buildkit/client"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// trips spares round trips in which nothing new is learned.
type trips struct {
	conn    atomic.Pointer[grpc.ClientConn] // of the client, from its first call on
	workers atomic.Pointer[controlapi.ListWorkersResponse]
}

// fewer returns options of BuildKit's client.
func (t *trips) fewer() []bkclient.ClientOpt {
	return []bkclient.ClientOpt{
		bkclient.WithGRPCDialOption(grpc.WithChainUnaryInterceptor(t.once)), bkclient.WithGRPCDialOption(grpc.WithChainStreamInterceptor(leaving)),
	}
}

// once repeats BuildKit's first answer about its workers. BuildKit's client asks for them again before each build, and only tells the build
// function their IDs and platforms.
func (t *trips) once(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	t.conn.Store(conn)
	workers, ok := reply.(*controlapi.ListWorkersResponse)
	if !ok {
		return call(ctx, method, req, reply, conn, opts...)
	}
	if before := t.workers.Load(); before != nil {
		proto.Merge(workers, before)
		return nil
	}
	err := call(ctx, method, req, reply, conn, opts...)
	if err == nil {
		t.workers.Store(proto.CloneOf(workers))
	}
	return err
}

// leaving ends a session as soon as its client ends it. BuildKit's client would wait until BuildKit has ended it, too. A session ends when
// the solves that use it have ended, so nothing is on its way.
func leaving(
	ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	if method != controlapi.Control_Session_FullMethodName {
		return open(ctx, desc, conn, method, opts...)
	}
	ctx, cancel := context.WithCancel(ctx)
	stream, err := open(ctx, desc, conn, method, opts...)
	if err != nil {
		cancel()
		return nil, err
	}
	return &sessionStream{ClientStream: stream, cancel: cancel}, nil
}

type sessionStream struct {
	grpc.ClientStream
	cancel context.CancelFunc
	left   atomic.Bool
}

// CloseSend ends both directions.
func (s *sessionStream) CloseSend() error {
	err := s.ClientStream.CloseSend()
	s.left.Store(true)
	s.cancel()
	return err
}

// RecvMsg returns io.EOF once the client has ended the session.
func (s *sessionStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	switch {
	case err == nil:
		return nil
	case s.left.Load():
		return io.EOF
	}
	s.cancel()
	return err
}
