package manifest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/distribution/reference"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// network is a set of simulated hosts for a client whose connections are all made here.
type network struct {
	hosts map[string]http.HandlerFunc // by "host:port"; ports 443 and 8443 speak TLS
	at    map[string]string           // the apparent address of a host; the listener's own if there is none

	mu     sync.Mutex
	visits []string // "host:port METHOD /path", with the login if there is one
}

// start returns the options of a client in the network, whose user is ann.
func (n *network) start(t *testing.T) manifest.Options {
	t.Helper()
	listeners, pool := map[string]string{}, x509.NewCertPool()
	for host, handle := range n.hosts {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			n.note(host + " " + req.Method + " " + req.URL.Path + " " + req.Header.Get("Authorization"))
			handle(w, req)
		}))
		if strings.HasSuffix(host, "443") {
			server.StartTLS()
			pool.AddCert(server.Certificate())
		} else {
			server.Start()
		}
		t.Cleanup(server.Close)
		listeners[host] = server.Listener.Addr().String()
	}
	return manifest.Options{
		PlainHTTP: func(string) bool { return false },
		Retry:     manifest.Retry{MaxWait: -1},
		Credential: func(context.Context, string) (auth.Credential, error) {
			return auth.Credential{Username: "ann", Password: "secret"}, nil
		},
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "example.com", MinVersion: tls.VersionTLS12},
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				listener, ok := listeners[address]
				if !ok {
					n.note(address + " unknown")
					return nil, fmt.Errorf("no such host %s", address)
				}
				conn, err := (&net.Dialer{}).DialContext(ctx, network, listener)
				if at := n.at[address]; err == nil && at != "" {
					return elsewhere{conn, at}, nil
				}
				return conn, err
			},
		},
	}
}

func (n *network) note(visit string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.visits = append(n.visits, strings.TrimSpace(visit))
}

// to returns the visits to a host.
func (n *network) to(host string) (visits []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, visit := range n.visits {
		if strings.HasPrefix(visit, host) {
			visits = append(visits, visit)
		}
	}
	return visits
}

// elsewhere is a connection with another remote address.
type elsewhere struct {
	net.Conn
	at string
}

func (e elsewhere) RemoteAddr() net.Addr {
	addr, err := net.ResolveTCPAddr("tcp", e.at)
	if err != nil {
		return e.Conn.RemoteAddr()
	}
	return addr
}

// bearer is a registry that sends its clients to a token server.
func bearer(realm string) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+realm+`",service="s"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}
}

func token(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"token":"t"}`) }

func TestAnUploadIsCancelledWithTheLoginAtTheRegistrysOwnOriginOnly(t *testing.T) {
	for location, cancelled := range map[string]bool{
		"https://reg.example/v2/app/blobs/uploads/1":      true,
		"https://REG.example:443/v2/app/blobs/uploads/1":  true,
		"/v2/app/blobs/uploads/1":                         true,
		"http://reg.example/v2/app/blobs/uploads/1":       false,
		"http://reg.example:443/v2/app/blobs/uploads/1":   false,
		"https://reg.example:8443/v2/app/blobs/uploads/1": false,
		"https://a.reg.example/v2/app/blobs/uploads/1":    false,
		"https://other.example/v2/app/blobs/uploads/1":    false,
	} {
		synctest.Test(t, func(t *testing.T) {
			var deleted []string
			everywhere := answers(func(req *http.Request) *http.Response {
				switch _, _, loggedIn := req.BasicAuth(); {
				case req.Method == http.MethodDelete:
					deleted = append(deleted, req.URL.String())
					return &http.Response{StatusCode: http.StatusNoContent}
				case !loggedIn:
					return &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{"Www-Authenticate": {`Basic realm="x"`}}}
				}
				return &http.Response{StatusCode: http.StatusAccepted, Header: http.Header{"Location": {location}}}
			})
			client := manifest.New(manifest.Options{Transport: everywhere, Credential: (&keyring{}).credential})
			named, _ := reference.ParseNormalizedNamed("reg.example/app")
			if _, err := client.CheckPush(t.Context(), named); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // for the cancelling
			if (len(deleted) == 1) != cancelled {
				t.Errorf("%s: deleted %q", location, deleted)
			}
		})
	}
}

func TestNoLoginGoesToForbiddenAddressesWhereverTheRegistryIs(t *testing.T) {
	for _, registry := range []string{"10.1.2.3", "reg.example"} {
		for _, realm := range []string{
			"https://169.254.169.254/latest/meta-data", "https://[::ffff:169.254.169.254]/t", "https://2852039166/t", "https://0xa9fea9fe/t",
			"https://0251.0376.0251.0376/t", "https://169.254.43518/t", "https://169.254.169.254./t", "https://[64:ff9b::a9fe:a9fe]/t",
			"https://[2002:a9fe:a9fe::1]/t", "https://[fe80::1]/t", "https://[fd00:ec2::254]/t", "https://100.100.100.200/t", "https://168.63.129.16/t",
			"https://100.64.0.1/t", "https://100.127.255.254/t", "https://１６９.254.169.254/t",
		} {
			t.Run(registry+" "+realm, func(t *testing.T) {
				var visited []string
				everywhere := answers(func(req *http.Request) *http.Response {
					if req.URL.Host != registry {
						visited = append(visited, req.URL.String())
						return &http.Response{StatusCode: http.StatusNotFound}
					}
					return &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{"Www-Authenticate": {`Bearer realm="` + realm + `"`}}}
				})
				client := manifest.New(manifest.Options{Transport: everywhere, Credential: (&keyring{}).credential})
				named, _ := reference.ParseNormalizedNamed(registry + "/app")
				if _, err := client.Resolve(t.Context(), named); err == nil || len(visited) > 0 {
					t.Errorf("got %v, and visits %q", err, visited)
				}
			})
		}
	}
}

func TestATokenServersNameThatLeadsToAForbiddenAddressGetsNothing(t *testing.T) {
	for _, at := range []string{"169.254.169.254:443", "[fe80::1]:443", "100.100.100.200:443", "[::ffff:168.63.129.16]:443"} {
		n := &network{
			hosts: map[string]http.HandlerFunc{"reg.example:443": bearer("https://tokens.example/t"), "tokens.example:443": token},
			at:    map[string]string{"tokens.example:443": at},
		}
		client := manifest.New(n.start(t))
		named, _ := reference.ParseNormalizedNamed("reg.example/app")
		_, err := client.Resolve(t.Context(), named)
		if refused := (*manifest.RealmError)(nil); !errors.As(err, &refused) || !errors.Is(err, manifest.ErrUnauthorized) {
			t.Errorf("%s: got %v", at, err)
		}
		if visits := n.to("tokens.example"); len(visits) > 0 {
			t.Errorf("%s: got %q", at, visits)
		}
	}
}

func TestATokenServerCannotSendTheClientOnToAForbiddenAddress(t *testing.T) {
	for _, realm := range []string{"https://tokens.example/t", "https://reg.example/t"} {
		onward := func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, "https://metadata.example/", http.StatusFound)
		}
		registry := bearer(realm)
		n := &network{
			hosts: map[string]http.HandlerFunc{
				"reg.example:443": func(w http.ResponseWriter, req *http.Request) {
					if req.URL.Path == "/t" {
						onward(w, req)
						return
					}
					registry(w, req)
				},
				"tokens.example:443": onward, "metadata.example:443": token,
			},
			at: map[string]string{"metadata.example:443": "169.254.169.254:443"},
		}
		client := manifest.New(n.start(t))
		named, _ := reference.ParseNormalizedNamed("reg.example/app")
		if _, err := client.Resolve(t.Context(), named); err == nil || len(n.to("metadata.example")) > 0 {
			t.Errorf("%s: got %v, and %q", realm, err, n.to("metadata.example"))
		}
	}
}

func TestTheTokenServerOfACarriersRegistryIsItsOwnHost(t *testing.T) {
	n := &network{
		hosts: map[string]http.HandlerFunc{"reg.example:443": bearer("https://reg.example:8443/t"), "reg.example:8443": token},
		at:    map[string]string{"reg.example:443": "100.64.1.1:443", "reg.example:8443": "100.64.1.1:8443"},
	}
	opt := n.start(t)
	client := manifest.New(opt)
	named, _ := reference.ParseNormalizedNamed("reg.example/app")
	_, err := client.Resolve(t.Context(), named)
	if refused := (*manifest.RealmError)(nil); errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
}

func TestARealmIsCheckedForOthersToo(t *testing.T) {
	for realm, refused := range map[string]bool{
		"https://auth.invalid/token": false, "https://10.0.0.1/token": false, "http://localhost:5001/token": false, "https://169.254.169.254/": true,
		"https://0xa9fea9fe/": true, "https://100.64.3.2/": true,
	} {
		if err := manifest.CheckRealm(t.Context(), "reg.example", realm); (err != nil) != refused {
			t.Errorf("%s: %v", realm, err)
		}
	}
	if err := manifest.CheckRealm(t.Context(), "100.64.3.2:5000", "http://100.64.3.2:5001/token"); err != nil {
		t.Error(err)
	}
}
