package direct

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"
)

// api is as much of an API server as a connection needs: its program returns what it gets, and fails after "fail".
type api struct {
	*httptest.Server
	asked    *url.URL
	bearer   string
	login    string   // the name in the client's certificate
	protocol []string // that the client knows
	base     string   // of the paths
}

func newAPI(t *testing.T) *api {
	t.Helper()
	a := &api{}
	shake := func(c *websocket.Config, r *http.Request) error {
		a.asked, a.bearer, a.protocol = r.URL, r.Header.Get("Authorization"), c.Protocol
		if certs := r.TLS.PeerCertificates; len(certs) > 0 {
			a.login = certs[0].Subject.CommonName
		}
		c.Protocol = c.Protocol[:1]
		if strings.Contains(r.URL.Path, "/none/") {
			return errors.New("pods \"none\" not found")
		}
		return nil
	}
	program := func(ws *websocket.Conn) {
		for {
			var in []byte
			if websocket.Message.Receive(ws, &in) != nil {
				return
			}
			_ = websocket.Message.Send(ws, []byte{2, 'x'})
			_ = websocket.Message.Send(ws, []byte{stdout})
			if string(in) == "\x00fail" {
				_ = websocket.Message.Send(ws, append([]byte{status}, `{"status": "Failure", "message": "it has ended"}`...))
				return
			}
			_ = websocket.Message.Send(ws, append([]byte{stdout}, in[1:]...))
		}
	}
	a.Server = httptest.NewUnstartedServer(websocket.Server{Handshake: shake, Handler: program})
	a.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	a.StartTLS()
	t.Cleanup(a.Close)
	t.Setenv("KUBECONFIG", "")
	t.Setenv("HOME", t.TempDir())
	return a
}

// ca is the certificate of the server's authority.
func (a *api) ca() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate().Raw})
}

// written writes a kubeconfig and returns its name.
func (a *api) written(t *testing.T, cluster, user string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	write(t, file, fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: other
clusters: [{name: c, cluster: {server: %q, %s}}]
users: [{name: u, user: {%s}}, {name: cloud, user: {exec: {command: login}}}]
contexts: [{name: mine, context: {cluster: c, user: u, namespace: ci}}, {name: other, context: {cluster: c, user: cloud}}]
`, a.URL+a.base, cluster, user))
	return file
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAProgramInAPodIsReachedWithTheCredentialsOfTheKubeconfig(t *testing.T) {
	a := newAPI(t)
	a.base = "/base"
	ca := "certificate-authority-data: " + base64.StdEncoding.EncodeToString(a.ca())
	file := a.written(t, ca+", extensions: []", "token: word")
	c, err := Target{Kubeconfig: file, Context: "mine"}.Dial(t.Context(), "pod", "buildkitd", "buildctl", "dial-stdio")
	if err != nil {
		t.Fatal(err)
	}
	if want := "/base/api/v1/namespaces/ci/pods/pod/exec?command=buildctl&command=dial-stdio&container=buildkitd&stdin=true&stdout=true"; a.asked.String() != want {
		t.Errorf("asked %s", a.asked)
	}
	if a.bearer != "Bearer word" || len(a.protocol) != 2 {
		t.Errorf("%q, %q", a.bearer, a.protocol)
	}
	long := strings.Repeat("0123456789", 10000)
	for _, words := range []string{"a", long} {
		if n, err := io.WriteString(c, words); n != len(words) || err != nil {
			t.Error(n, err)
		}
		back := make([]byte, len(words))
		if _, err := io.ReadFull(c, back); err != nil || string(back) != words {
			t.Errorf("%d bytes came back, %v", len(back), err)
		}
	}
	if _, err := io.WriteString(c, "fail"); err != nil {
		t.Error(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil || err.Error() != "it has ended" {
		t.Errorf("the end of the program: %v", err)
	}
	_ = c.Close() // the server has closed it
	if _, err := (Target{Kubeconfig: file, Context: "mine", Namespace: "other"}).Dial(t.Context(), "none", "x", "y"); err == nil || !strings.Contains(a.asked.Path, "/namespaces/other/") {
		t.Errorf("a pod that is not there: %v, asked %s", err, a.asked)
	}
}

func TestEveryKindOfCredentialsIsRead(t *testing.T) {
	a := newAPI(t)
	key, certificate := pair(t, "ann")
	folder := t.TempDir()
	for name, text := range map[string]string{"ca.crt": string(a.ca()), "token": "from-a-file\n", "key": key, "cert": certificate, "namespace": "its\n"} {
		write(t, filepath.Join(folder, name), text)
	}
	encoded := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	in := func(name string) string { return filepath.Join(folder, name) }
	for name, tt := range map[string]struct{ cluster, user, bearer, login string }{
		"files":          {"certificate-authority: " + in("ca.crt"), "client-certificate: " + in("cert") + ", client-key: " + in("key"), "", "ann"},
		"data":           {"insecure-skip-tls-verify: true", "client-certificate-data: " + encoded(certificate) + ", client-key-data: " + encoded(key), "", "ann"},
		"token file":     {"certificate-authority: " + in("ca.crt"), "token: old, tokenFile: " + in("token"), "Bearer from-a-file", ""},
		"name of server": {"tls-server-name: example.com, certificate-authority: " + in("ca.crt"), "token: x", "Bearer x", ""},
	} {
		a.bearer, a.login = "", ""
		c, err := Target{Kubeconfig: a.written(t, tt.cluster, tt.user), Context: "mine"}.Dial(t.Context(), "pod", "c", "x")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_ = c.Close()
		if a.bearer != tt.bearer || a.login != tt.login {
			t.Errorf("%s: %q, %q", name, a.bearer, a.login)
		}
	}
	at, _ := url.Parse(a.URL)
	pod, err := Target{}.inPod(at.Hostname(), at.Port(), folder)
	if err != nil || pod.token != "from-a-file" || pod.namespace != "its" || pod.server.Host != at.Host {
		t.Errorf("in a pod: %+v, %v", pod, err)
	}
}

func TestWhatOnlyKubectlKnowsIsLeftToIt(t *testing.T) {
	a := newAPI(t)
	mine := func(file string) Target { return Target{Kubeconfig: file, Context: "mine"} }
	for name, target := range map[string]Target{
		"a login by a program":        {Kubeconfig: a.written(t, "", "token: x")}, // that of the current context
		"another user":                mine(a.written(t, "", "token: x, as: ann")),
		"a proxy of the cluster":      mine(a.written(t, "proxy-url: http://p:1", "token: x")),
		"a context that is not there": {Kubeconfig: a.written(t, "", "token: x"), Context: "none"},
		"several files":               mine(strings.Join([]string{a.written(t, "", ""), a.written(t, "", "")}, string(filepath.ListSeparator))),
		"no configuration at all":     {},
	} {
		if _, err := target.Dial(t.Context(), "pod", "c", "x"); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := mine(a.written(t, "", "token: x")).Dial(t.Context(), "pod", "c", "x"); !errors.As(err, new(*tls.CertificateVerificationError)) {
		t.Errorf("an authority that is not known: %v", err)
	}
}

func pair(t *testing.T, name string) (key, certificate string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	template.Subject.CommonName = name
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: encoded})), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}))
}
