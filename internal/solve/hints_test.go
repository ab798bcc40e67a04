package solve

import (
	"strings"
	"testing"
)

func TestABuildWarnsOfWhatMakesWrongImages(t *testing.T) {
	w := newHarness(t, "FROM --platform=$BUILDPLATFORM alpine\nARG TARGETARCH=amd64\nRUN fetch $TARGETARCH\n")
	w.mustRun()
	notes := strings.Join(w.progress.notes, "\n")
	contains(t, notes, "warning: Dockerfile:1: the base image of the result is for linux/amd64", "warning: Dockerfile:2: the default of ARG TARGETARCH=amd64")
	if strings.Count(notes, "shadows") != 1 {
		t.Errorf("%s", notes)
	}
}
