package solve

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// blob returns the registry's content of a repository's blob or manifest.
func (w *harness) blob(t *testing.T, path string) []byte {
	t.Helper()
	resp, err := http.Get("http://" + w.host + "/v2/app/" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", path, resp.Status, err)
	}
	return body
}

func TestAProxysPasswordIsPassedToTheBuildAndNotPublished(t *testing.T) {
	const proxy, told = `http://ann:se"c&ret@proxy:3128`, `http://ann:xxxxx@proxy:3128`
	for _, hidden := range []map[string]string{nil, {proxy: told, proxy + "0": told + "0"}} {
		w := newHarness(t, copiesOnly)
		w.req.Attests = map[string]string{"provenance": "type=provenance,mode=max"}
		w.req.BuildArgs = map[string]string{"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy + "0"}
		w.req.Hidden = hidden
		w.mustRun()
		for _, solve := range w.byPlatform() {
			if solve[0].Opt.FrontendAttrs["build-arg:HTTP_PROXY"] != proxy {
				t.Errorf("the build has the proxy %q", solve[0].Opt.FrontendAttrs["build-arg:HTTP_PROXY"])
			}
		}
		index, _ := w.index("app:v1")
		statements := 0
		for _, m := range index.Manifests {
			if m.Platform.OS != "unknown" {
				continue
			}
			var about ocispecs.Manifest
			if err := json.Unmarshal(w.blob(t, "manifests/"+m.Digest.String()), &about); err != nil {
				t.Fatal(err)
			}
			var statement struct{ Args map[string]string }
			text := w.blob(t, "blobs/"+about.Layers[0].Digest.String())
			if err := json.Unmarshal(text, &statement); err != nil {
				t.Fatal(err)
			}
			want := proxy // named by the user
			if hidden != nil {
				want = told
			}
			if statement.Args["build-arg:HTTP_PROXY"] != want || statement.Args["build-arg:HTTPS_PROXY"] != want+"0" {
				t.Errorf("the statement has %q", statement.Args)
			}
			if about.Subject.Digest.String() != m.Annotations["vnd.docker.reference.digest"] || strings.Contains(string(text), "ret@") != (hidden == nil) {
				t.Errorf("about %v: %s", about.Subject, text)
			}
			statements++
		}
		if statements != 3 {
			t.Errorf("%d statements", statements)
		}
	}
}
