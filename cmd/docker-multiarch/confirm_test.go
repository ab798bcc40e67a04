package main

import (
	"strings"
	"testing"
)

func TestNothingIsRemovedWithoutAYes(t *testing.T) {
	for in, want := range map[string]bool{"y\n": true, "Y\n": true, "n\n": false, "": false, "yes\n": false, "\n": false} {
		s := newTestStage(t, nil)
		s.w.in = strings.NewReader(in)
		got, err := confirm(t.Context(), s.w, "Sure?", false)
		if got != want || err != nil {
			t.Errorf("%q: %t, %v", in, got, err)
		}
		contains(t, s.err.String(), "Sure? [y/N] ")
	}
	s := newTestStage(t, nil)
	if ok, _ := confirm(t.Context(), s.w, "Sure?", true); !ok || s.err.String() != "" {
		t.Error("who forces it is asked")
	}
}
