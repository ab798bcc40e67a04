package manifest

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/internal/address"
)

// sends is a network in which every request gets one answer.
type sends func(*http.Request) (*http.Response, error)

func (s sends) RoundTrip(req *http.Request) (*http.Response, error) { return s(req) }

func FuzzChallenge(f *testing.F) {
	for _, challenge := range []string{
		`Bearer realm="https://gitlab.corp/jwt/auth",service="registry"`, `Bearer realm="https://169.254.169.254/latest"`, `Bearer realm="http://0xa9fea9fe/"`,
		`Bearer realm="https://[fe80::1%25eth0]/"`, `Bearer realm="file:///etc/passwd"`, `Basic realm="x"`, `Bearer realm="`, `Bearer realm="https://user:pw@10.0.0.2:0/"`,
	} {
		f.Add(challenge)
	}
	f.Fuzz(func(t *testing.T, challenge string) {
		registry := sends(func(req *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{"Www-Authenticate": {challenge}}, Body: http.NoBody, Request: req}, nil
		})
		tokens := sends(func(req *http.Request) (*http.Response, error) {
			if addr, ok := address.FromHost(req.URL.Hostname()); ok && isForbidden(addr) {
				t.Errorf("a request to %s", req.URL)
			}
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
		})
		r := &realmTransport{base: registry, tokens: newGuarded(tokens, refuseForLogin), place: &place{host: "10.0.0.1"}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://10.0.0.1/v2/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.RoundTrip(req); err != nil {
			t.Fatal(err)
		}
		for alias, realm := range r.realms {
			ask := req.Clone(t.Context())
			ask.URL.Scheme, ask.URL.Host = realm.Scheme, alias
			if resp, err := r.RoundTrip(ask); err == nil && resp.StatusCode != http.StatusOK {
				t.Errorf("%s is asked at the registry", realm)
			}
		}
	})
}

func FuzzErrorBody(f *testing.F) {
	f.Add(403, []byte(`{"errors":[{"code":"DENIED","message":"requested access is denied","detail":[{"Type":"repository"}]}]}`))
	f.Add(502, []byte("<html><body>502 Bad Gateway</body></html>"))
	f.Add(429, []byte(`{"errors":[{"code":1},null,{}]}`))
	f.Add(500, bytes.Repeat([]byte(`{"errors":[`), 2000))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		resp := &http.Response{StatusCode: status, Body: io.NopCloser(bytes.NewReader(body))}
		if text := responseError(resp).Error(); len(text) > 32<<10 {
			t.Errorf("%d bytes give a text of %d", len(body), len(text))
		}
		if again, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(again, body) {
			t.Errorf("read again: %d bytes of %d, %v", len(again), len(body), err)
		}
	})
}

func TestACommitHasHalfAMinuteAQuarterOfAGibibyteUpToTenMinutes(t *testing.T) {
	for size, want := range map[int64]time.Duration{
		-1: 30 * time.Second, 0: 30 * time.Second, 256<<20 - 1: 30 * time.Second, 256 << 20: time.Minute, 1 << 30: 150 * time.Second, 1 << 62: 10 * time.Minute,
	} {
		if got := (Retry{}).withDefaults().commit(size); got != want {
			t.Errorf("%d: %s, want %s", size, got, want)
		}
	}
}
