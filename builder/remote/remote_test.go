package remote

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	apitypes "github.com/moby/buildkit/api/types"
	"github.com/moby/buildkit/solver/pb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
)

// daemon is as much of a BuildKit as a connection needs.
type daemon struct {
	controlapi.UnimplementedControlServer
	version   string
	authority string // of the last request
}

func (d *daemon) ListWorkers(ctx context.Context, _ *controlapi.ListWorkersRequest) (*controlapi.ListWorkersResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	d.authority = strings.Join(md.Get(":authority"), "")
	return &controlapi.ListWorkersResponse{Record: []*apitypes.WorkerRecord{{
		BuildkitVersion: &apitypes.BuildkitVersion{Version: d.version}, Platforms: []*pb.Platform{{OS: "linux", Architecture: "arm64"}},
	}}}, nil
}

// serve returns the address of a daemon's server on TCP.
func serve(t *testing.T, d *daemon, c *tls.Config) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var opts []grpc.ServerOption
	if c != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(c)))
	}
	s := grpc.NewServer(opts...)
	controlapi.RegisterControlServer(s, d)
	go s.Serve(listener)
	t.Cleanup(s.Stop)
	return "tcp://" + listener.Addr().String()
}

// identity is a certificate with its key, in memory and in files.
type identity struct {
	pair          tls.Certificate
	parsed        *x509.Certificate
	certPEM       []byte
	cert, keyFile string
}

// issue makes an identity for a host, signed by another one or by itself.
func issue(t *testing.T, host string, by *identity) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: by == nil, BasicConstraintsValid: true,
	}
	parent, signer := template, any(key)
	if by != nil {
		parent, signer = by.parsed, by.pair.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	id := &identity{cert: filepath.Join(t.TempDir(), host+".pem"), keyFile: filepath.Join(t.TempDir(), host+"-key.pem")}
	id.parsed, _ = x509.ParseCertificate(der)
	id.certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	raw, _ := x509.MarshalECPrivateKey(key)
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw})
	if id.pair, err = tls.X509KeyPair(id.certPEM, keyPEM); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(id.cert, id.certPEM, 0o600), os.WriteFile(id.keyFile, keyPEM, 0o600)); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestAConnectionWithCertificates(t *testing.T) {
	t.Parallel()
	ca, stranger := issue(t, "ca", nil), issue(t, "stranger", nil)
	server, client, unknown := issue(t, "bk.example", ca), issue(t, "me", ca), issue(t, "you", stranger)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.certPEM)
	d := &daemon{version: "v0.34.2"}
	address := serve(t, d, &tls.Config{
		Certificates: []tls.Certificate{server.pair}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"h2"},
	})
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notPEM, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := map[string]string{"cacert": ca.cert, "cert": client.cert, "key": client.keyFile, "servername": "bk.example"}
	for name, tt := range map[string]struct {
		change map[string]string // of the good options; "" removes one
		want   string
	}{
		"all is well":                     {nil, ""},
		"no TLS":                          {map[string]string{"cacert": "", "cert": "", "key": "", "servername": ""}, "a server that expects TLS does so, too"},
		"no client's certificate":         {map[string]string{"cert": "", "key": ""}, "it requires a client's certificate"},
		"an unknown client":               {map[string]string{"cert": unknown.cert, "key": unknown.keyFile}, "it refuses the client's certificate"},
		"another host's certificate":      {map[string]string{"servername": "other.example"}, "its certificate is for bk.example, not for other.example"},
		"the host is not in it":           {map[string]string{"servername": ""}, "its certificate is for bk.example, not for 127.0.0.1"},
		"another authority":               {map[string]string{"cacert": stranger.cert}, "its certificate was not issued by the given CA"},
		"a key of another certificate":    {map[string]string{"key": unknown.keyFile}, fmt.Sprintf("driver options cert %q and key %q do not belong together", client.cert, unknown.keyFile)},
		"a missing file":                  {map[string]string{"cert": "/none/cert.pem"}, `driver option cert: there is no file "/none/cert.pem"`},
		"a folder":                        {map[string]string{"key": t.TempDir()}, "driver option key: read "},
		"an authority that is not in PEM": {map[string]string{"cacert": notPEM}, fmt.Sprintf("driver option cacert: %q has no certificate in PEM form", notPEM)},
	} {
		t.Run(name, func(t *testing.T) {
			opts := maps.Clone(good)
			for k, v := range tt.change {
				if opts[k] = v; v == "" {
					delete(opts, k)
				}
			}
			n, err := Driver{}.Connect(t.Context(), builder.Endpoint{Builder: "b", Driver: DriverName, Address: address, Options: opts}, builder.Spec{}, nil)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), `builder "b": `) {
					t.Errorf("got  %v\nwant %s", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer n.Close()
			if n.Version != "v0.34.2" || len(n.Platforms) != 1 || !n.OnHost || n.HostChosen || n.Near || d.authority != "bk.example" {
				t.Errorf("got %+v, authority %q", n, d.authority)
			}
		})
	}
	if err := Check(builder.Endpoint{Address: "unix:///run/bk.sock", Options: good}); err == nil || !strings.Contains(err.Error(), "TLS is for tcp:// only") {
		t.Errorf("TLS on a socket: %v", err)
	}
}

func TestWhatARemoteBuildKitCannotDoIsRefused(t *testing.T) {
	t.Parallel()
	permission := errors.New("may not")
	now, old := serve(t, &daemon{version: "v0.34.2"}, nil), serve(t, &daemon{version: "v0.12.5"}, nil)
	config := buildkitd.UserConfig{TOML: []byte("debug = true")}
	for name, tt := range map[string]struct {
		e    builder.Endpoint
		want builder.Spec
		err  string
	}{
		"an old one":              {builder.Endpoint{Address: old}, builder.Spec{}, "its BuildKit is v0.12.5, and v0.20.0 or newer is needed"},
		"one that tells nothing":  {builder.Endpoint{Address: serve(t, &daemon{}, nil)}, builder.Spec{}, "its BuildKit is older than v0.11"},
		"flags":                   {builder.Endpoint{Address: now, Flags: []string{"--debug"}}, builder.Spec{}, "a remote BuildKit is configured where it runs"},
		"a configuration":         {builder.Endpoint{Address: now, Config: config}, builder.Spec{}, "a remote BuildKit is configured where it runs"},
		"a build's configuration": {builder.Endpoint{Address: now}, builder.Spec{Daemon: buildkitd.Settings{Config: config}}, "it has no use for a configuration file"},
		"a build's image":         {builder.Endpoint{Address: now}, builder.Spec{Image: "bk:1"}, `it has no use for the image "bk:1"`},
		"a host's registry":       {builder.Endpoint{Address: now}, builder.Spec{Host: builder.HostNetwork{PermissionErr: permission}}, "may not"},
		"nobody":                  {builder.Endpoint{Address: "tcp://127.0.0.1:1"}, builder.Spec{}, "cannot connect to tcp://127.0.0.1:1: nothing listens there"},
		"an unknown name":         {builder.Endpoint{Address: "tcp://no-such-host.invalid:1234"}, builder.Spec{}, `the name "no-such-host.invalid" `},
		"a program that is not":   {builder.Endpoint{Address: "podman-container://bk"}, builder.Spec{}, `the program "podman" is not installed here`},
	} {
		if _, err := (Driver{}).Connect(t.Context(), tt.e, tt.want, nil); err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s:\ngot  %v\nwant %s", name, err, tt.err)
		}
	}
	for name, tt := range map[string]struct {
		options map[string]string
		spec    builder.HostNetwork
		chosen  bool
	}{
		"a user who chooses the host's network": {map[string]string{"network": "host"}, builder.HostNetwork{PermissionErr: permission}, true},
		"a registry that a tag names":           {nil, builder.HostNetwork{Requested: true}, false},
		"loads":                                 {map[string]string{"default-load": "true"}, builder.HostNetwork{}, false},
	} {
		n, err := Driver{}.Connect(t.Context(), builder.Endpoint{Address: now, Options: tt.options}, builder.Spec{Host: tt.spec}, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if n.HostChosen != tt.chosen || (len(n.Warnings) > 0) != (name == "loads") {
			t.Errorf("%s: %+v", name, n)
		}
		n.Close()
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	got, err := ParseOptions("cacert=/ca.pem,servername=a", "default-load=false", "")
	if err != nil || len(got) != 3 || got["servername"] != "a" {
		t.Errorf("%v, %v", got, err)
	}
	for list, want := range map[string]string{
		"cacrt=/a":             `unknown driver option "cacrt": did you mean "cacert"?`,
		"memory=4g":            `unknown driver option "memory": known are cacert, cert, default-load, key, network, servername`,
		"cacert=ca.pem":        `driver option cacert: "ca.pem" is not an absolute path`,
		"cacert=/a,cert=/b":    "driver option cert needs the option key as well",
		"cacert=/a,key=/b":     "driver option key needs the option cert as well",
		"cert=/a,key=/b":       "TLS needs the driver option cacert",
		"servername=a":         "TLS needs the driver option cacert",
		"servername=":          "driver option servername: it is empty",
		"default-load=perhaps": `driver option default-load: "perhaps" is neither true nor false`,
		"network=bridge":       `driver option network: "bridge" is not possible`,
		"cacert":               `driver option "cacert" is not of the form key=value`,
	} {
		if _, err := ParseOptions(list); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", list, err, want)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"tcp://host:1234", "tcp://[::1]:1234", "unix:///run/buildkit/buildkitd.sock", "ssh://me@host", "ssh://host:22/run/bk.sock",
		"docker-container://bk?context=far", "podman-container://bk", "kube-pod://bk-0?namespace=ci&container=buildkitd",
	} {
		if err := CheckAddress(good); err != nil {
			t.Error(err)
		}
	}
	for address, want := range map[string]string{
		"":                           `"" is no address of a BuildKit: want tcp://HOST:PORT, unix:///PATH, `,
		"my-context":                 `"my-context" is no address of a BuildKit`,
		"tpc://host:1":               "did you mean tcp://?",
		"http://host:1":              "a BuildKit is not reached by http://: want tcp://",
		"tcp://host":                 "it has no port: buildkitd usually listens on tcp://host:1234",
		"tcp://:1":                   "it has no host",
		"tcp://me:secret@host:1":     "address tcp://me:xxxxx@host:1: it has more than a host and a port",
		"tcp://host:1?tls=1":         `unknown parameter "tls": tcp:// has none`,
		"unix://run/x":               "want unix:///PATH, with three slashes",
		"ssh://":                     "no host specified",
		"ssh://me:pw@host":           "plain-text password is not supported",
		"docker-container://":        "url lacks container name",
		"docker-container://-x":      `"-x" is no name`,
		"docker-container://x?ctx=a": `unknown parameter "ctx": docker-container:// has context`,
		"kube-pod://X_Y":             "unsupported pod name",
	} {
		if err := CheckAddress(address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", address, err, want)
		}
	}
}
