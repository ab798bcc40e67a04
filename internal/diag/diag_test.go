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

func TestAUserReadsTheSeverityUnlessItIsANote(t *testing.T) {
	for _, c := range []struct {
		d    diag.Diagnostic
		want string
	}{
		{diag.Notef("pulling %s", "x"), "pulling x"},
		{diag.Warningf("no cache was imported from %s", "x"), "warning: no cache was imported from x"},
		{
			diag.Diagnostic{Severity: diag.Warning, File: "Dockerfile", Line: 2, Message: "a default hides the platform", Fix: "leave it out"},
			"warning: Dockerfile:2: a default hides the platform (leave it out)",
		},
		{diag.Diagnostic{Severity: diag.Error, Message: "no such image"}, "error: no such image"},
	} {
		if got := c.d.Shown(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
