package lookahead

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
)

func TestWarningsOfTheBuildCompleteAnIncompleteLint(t *testing.T) {
	warning := func(file string, line int32) *client.VertexWarning {
		return &client.VertexWarning{
			Short: []byte(fmt.Sprintf("FromAsCasing: 'as' and 'FROM' do not match (line %d)", line)), URL: "https://docs.example",
			SourceInfo: &pb.SourceInfo{Filename: file}, Range: []*pb.Range{{Start: &pb.Position{Line: line}}},
		}
	}
	w := diag.Diagnostic{Check: "FromAsCasing", Severity: diag.Warning, Message: "'as' and 'FROM' do not match", URL: "https://docs.example", File: "Dockerfile"}
	first, second := w, w
	first.Line, second.Line = 1, 3
	l := &linting{unlinted: []string{"Dockerfile"}, found: []diag.Diagnostic{first, {Check: "StageNameCasing", File: "other", Line: 2}}}
	l.add([]*client.VertexWarning{warning("Dockerfile", 3), warning("Dockerfile", 1), warning("other", 1)})
	l.add([]*client.VertexWarning{warning("Dockerfile", 3), {Short: []byte("of no place")}})
	if diff := cmp.Diff([]diag.Diagnostic{first, second, {Check: "StageNameCasing", File: "other", Line: 2}}, l.warnings()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
