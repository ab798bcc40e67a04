package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/moby/buildkit/client/connhelper"
	"github.com/moby/buildkit/client/connhelper/dockercontainer"
	"github.com/moby/buildkit/client/connhelper/kubepod"
	"github.com/moby/buildkit/client/connhelper/podmancontainer"
	"github.com/moby/buildkit/client/connhelper/ssh"

	"github.com/docker-multiarch/docker-multiarch/builder/link"
	"github.com/docker-multiarch/docker-multiarch/internal/typo"
)

// programTimeout is what a program that connects is given to log in and start buildctl.
const programTimeout = 15 * time.Second

// scheme is a kind of address.
type scheme struct {
	name, example string
	dialer        func(*url.URL) (link.Dialer, error)
	query         []string // the parameters that it has
	program       bool     // a program connects
}

func schemes() []scheme {
	return []scheme{
		{"tcp", "tcp://HOST:PORT", tcp, nil, false},
		{"unix", "unix:///PATH", unix, nil, false},
		{"ssh", "ssh://[USER@]HOST[:PORT][/SOCKET]", helped(ssh.Helper), nil, true},
		{"docker-container", "docker-container://NAME", helped(dockercontainer.Helper), []string{"context"}, true},
		{"podman-container", "podman-container://NAME", helped(podmancontainer.Helper), nil, true},
		{"kube-pod", "kube-pod://POD", helped(kubepod.Helper), []string{"context", "namespace", "container"}, true},
	}
}

// CheckAddress returns an error unless the address is one of a BuildKit.
func CheckAddress(address string) error {
	_, _, err := parse(address)
	return err
}

// parse returns how the BuildKit at an address is reached.
func parse(address string) (link.Dialer, scheme, error) {
	u, err := url.Parse(address)
	if err != nil || !strings.Contains(address, "://") {
		return nil, scheme{}, fmt.Errorf("%q is no address of a BuildKit: want %s", address, examples())
	}
	s, err := schemeOf(u)
	if err != nil {
		return nil, scheme{}, err
	}
	for key := range u.Query() {
		if !slices.Contains(s.query, key) {
			return nil, scheme{}, fmt.Errorf("address %s: unknown parameter %q: %s", u.Redacted(), key, parameters(s))
		}
	}
	dial, err := s.dialer(u)
	if err != nil {
		return nil, scheme{}, fmt.Errorf("address %s: %w", u.Redacted(), err)
	}
	return dial, s, nil
}

func schemeOf(u *url.URL) (scheme, error) {
	all := schemes()
	names := make([]string, len(all))
	for i, s := range all {
		if names[i] = s.name; s.name == u.Scheme {
			return s, nil
		}
	}
	if i, ok := typo.Nearest(u.Scheme, names); ok {
		return scheme{}, fmt.Errorf("address %s: a BuildKit is not reached by %s://; did you mean %s://?", u.Redacted(), u.Scheme, names[i])
	}
	return scheme{}, fmt.Errorf("address %s: a BuildKit is not reached by %s://: want %s", u.Redacted(), u.Scheme, examples())
}

func examples() string {
	var all []string
	for _, s := range schemes() {
		all = append(all, s.example)
	}
	return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
}

func parameters(s scheme) string {
	if len(s.query) == 0 {
		return s.name + ":// has none"
	}
	return s.name + ":// has " + strings.Join(s.query, ", ")
}

func tcp(u *url.URL) (link.Dialer, error) {
	switch {
	case u.Hostname() == "":
		return nil, errors.New("it has no host: want tcp://HOST:PORT")
	case u.Port() == "":
		return nil, fmt.Errorf("it has no port: buildkitd usually listens on tcp://%s:1234", u.Host)
	case u.User != nil, u.Path != "" && u.Path != "/", u.Fragment != "":
		return nil, errors.New("it has more than a host and a port: want tcp://HOST:PORT")
	}
	return dialer("tcp", u.Host), nil
}

func unix(u *url.URL) (link.Dialer, error) {
	if u.Host != "" || u.Path == "" || u.Path == "/" || u.Fragment != "" {
		return nil, errors.New("it has no absolute path: want unix:///PATH, with three slashes")
	}
	return dialer("unix", u.Path), nil
}

// dialer returns a dialer whose errors say what is wrong without repeating the address.
func dialer(network, address string) link.Dialer {
	return func(ctx context.Context) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, dialFailure(err)
		}
		return c, nil
	}
}

func dialFailure(err error) error {
	lookup, named := errors.AsType[*net.DNSError](err)
	switch {
	case named && lookup.IsNotFound:
		return &link.AwayError{Err: fmt.Errorf("the name %q does not resolve", lookup.Name)}
	case named && !lookup.IsTimeout:
		return &link.AwayError{Err: fmt.Errorf("the name %q cannot be resolved: %s", lookup.Name, lookup.Err)}
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("nothing listens there: connection refused")
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("there is no such socket")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("this user may not connect to the socket: permission denied")
	}
	return err
}

// helped returns a dialer of BuildKit's own.
func helped(helper func(*url.URL) (*connhelper.ConnectionHelper, error)) func(*url.URL) (link.Dialer, error) {
	return func(u *url.URL) (link.Dialer, error) {
		h, err := helper(u)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(u.Hostname(), "-") { // a program would take it for a flag
			return nil, fmt.Errorf("%q is no name", u.Hostname())
		}
		return func(ctx context.Context) (net.Conn, error) {
			c, err := h.ContextDialer(ctx, "")
			if missing, ok := errors.AsType[*exec.Error](err); ok && errors.Is(err, exec.ErrNotFound) {
				return nil, fmt.Errorf("the program %q is not installed here", missing.Name)
			}
			return c, err
		}, nil
	}
}
