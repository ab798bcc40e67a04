package diag_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
)

func TestADiagnosticIsReadWithItsPlace(t *testing.T) {
	for _, c := range []struct {
		name string
		d    diag.Diagnostic
		want string
	}{
		{"without a place", diag.Diagnostic{Message: "no such image"}, "no such image"},
		{"with a line", diag.Diagnostic{Message: "no such image", File: "Dockerfile", Line: 3}, "Dockerfile:3: no such image"},
		{"whose cause says it", diag.Diagnostic{Cause: errors.New("refused"), File: "Dockerfile", Line: 3}, "Dockerfile:3: refused"},
	} {
		if got := c.d.String(); got != c.want {
			t.Errorf("a diagnostic %s is %q, want %q", c.name, got, c.want)
		}
	}
}

func TestSeveritiesAreOrderedFromErrorsToNotes(t *testing.T) {
	got := []diag.Severity{diag.Note, diag.Error, diag.Warning}
	slices.SortFunc(got, diag.Severity.Compare)
	if want := []diag.Severity{diag.Error, diag.Warning, diag.Note}; !slices.Equal(got, want) {
		t.Errorf("sorted: %v, want %v", got, want)
	}
}
