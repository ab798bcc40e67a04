package findings

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
)

func TestTheJSONOfFindingsInImagesIsStable(t *testing.T) {
	all := []diag.Diagnostic{
		{
			Check: "machine", Severity: diag.Warning, Platforms: []string{"linux/arm64"}, File: "Dockerfile", Line: 7, Message: "m", Fix: "f",
			Content: diag.Content{Digest: "sha256:1", Step: "COPY", Path: "/a", Paths: []string{"/a", "/b"}, Count: 2, Machine: "amd64", Wanted: "arm64"},
		},
		{Check: "expect", Severity: diag.Error, Message: "n"},
	}
	for want, rows := range map[string]any{
		`[{"severity":"warning","check":"machine","platform":"linux/arm64","path":"/a","paths":["/a","/b"],"count":2,"layer":"sha256:1",` +
			`"step":"COPY","file":"Dockerfile","line":7,"found":"amd64","wanted":"arm64","message":"m"},` +
			`{"severity":"error","check":"expect","message":"n"}]`: MetadataRows(all),
		`[{"Check":"machine","Severity":"warning","Platform":"linux/arm64","Digest":"sha256:1","Path":"/a","Paths":["/a","/b"],"Count":2,` +
			`"Step":"COPY","Found":"amd64","Wanted":"arm64","Message":"m"},{"Check":"expect","Severity":"error","Message":"n"}]`: VerifyRows(all),
		`[]`: VerifyRows(nil),
	} {
		got, err := json.Marshal(rows)
		if diff := cmp.Diff(want, string(got)); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
}
