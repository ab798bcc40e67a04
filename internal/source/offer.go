package source

import (
	"context"
	"net"
	"sync"

	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// offer is a session of BuildKit, like session.Session, but with gRPC's own server, which sends small messages together. The server of
// session.Session sends each by itself, which takes most of the time of listing many files.
type offer struct {
	id     string
	server *grpc.Server
	header map[string][]string // what BuildKit must know (BuildKit, session/session.go)
}

// newOffer returns a session that offers one service. sharedKey has no characters that would have to be encoded.
func newOffer(sharedKey string, service session.Attachable) *offer {
	o := &offer{id: identity.NewID(), server: grpc.NewServer(
		grpc.UnaryInterceptor(grpcerrors.UnaryServerInterceptor), grpc.StreamInterceptor(grpcerrors.StreamServerInterceptor),
	)}
	grpc_health_v1.RegisterHealthServer(o.server, health.NewServer()) // BuildKit asks it whether the session still is alive
	service.Register(o.server)
	o.header = map[string][]string{"X-Docker-Expose-Session-Uuid": {o.id}, "X-Docker-Expose-Session-Sharedkey": {sharedKey}}
	for name, service := range o.server.GetServiceInfo() {
		for _, method := range service.Methods {
			const methods = "X-Docker-Expose-Session-Grpc-Method"
			o.header[methods] = append(o.header[methods], session.MethodURL(name, method.Name))
		}
	}
	return o
}

// run serves the session on a connection, until that or ctx ends. The error is that of the dialer.
func (o *offer) run(ctx context.Context, dial session.Dialer) error {
	ctx, cancel := context.WithCancel(ctx) // of the connection, which need not end with its Close
	defer cancel()
	conn, err := dial(ctx, "h2c", o.header)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, o.server.Stop)()
	_ = o.server.Serve(listen(conn)) // its error is that there is no other connection
	return nil
}

// only is a listener that has one connection, and ends with it.
type only struct {
	net.Conn
	conns chan net.Conn
	end   func()
}

func listen(conn net.Conn) net.Listener {
	l := &only{Conn: conn, conns: make(chan net.Conn, 1)}
	l.end = sync.OnceFunc(func() { close(l.conns) })
	l.conns <- accepted{conn, l}
	return l
}

// Accept implements net.Listener.
func (l *only) Accept() (net.Conn, error) {
	if conn, ok := <-l.conns; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

// Close implements net.Listener.
func (l *only) Close() error {
	l.end()
	return nil
}

// Addr implements net.Listener.
func (l *only) Addr() net.Addr { return l.LocalAddr() }

// accepted is the connection of a listener.
type accepted struct {
	net.Conn
	of *only
}

// Close ends the listener, too.
func (a accepted) Close() error {
	a.of.end()
	return a.Conn.Close()
}
