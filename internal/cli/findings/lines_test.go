package findings

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
)

func TestALineHasThePartsThatADiagnosticHas(t *testing.T) {
	all := []diag.Diagnostic{
		{
			Check: "base", Severity: diag.Error, Platforms: []string{"linux/arm64", "linux/s390x"}, File: "Dockerfile", Line: 3,
			Message: "no such image", Fix: "name another\nor none",
		},
		{Cause: errors.New("refused\nby r")},
	}
	var out strings.Builder
	Lines(&out, all)
	want := `Dockerfile:3: error: no such image (base) [linux/arm64, linux/s390x]
    name another
  or none
refused
  by r
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	rows, err := json.Marshal(Rows(all))
	want = `[{"severity":"error","check":"base","platforms":["linux/arm64","linux/s390x"],"file":"Dockerfile","line":3,` +
		`"message":"no such image","fix":"name another\nor none"},{"severity":"","check":"","message":"refused\nby r"}]`
	if d := cmp.Diff(want, string(rows)); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
}
