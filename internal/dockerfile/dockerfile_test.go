package dockerfile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/dockerfile"
)

const text = `# syntax=docker/dockerfile:1
ARG BASE=alpine
FROM $BASE AS Base
RUN <<EOF
FROM nothing
EOF

FROM --platform=$BUILDPLATFORM \
  golang AS build
COPY . .
FROM base AS build
from BUILD
COPY --from=build /a /b
`

func TestTheStagesOfALine(t *testing.T) {
	for name, read := range map[string]func(string) (dockerfile.File, error){"parse": dockerfile.Parse, "outline": dockerfile.Outline} {
		f, err := read(text)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for line := range 15 {
			i, ok := f.At(line)
			if !ok {
				i = -1
			}
			got = append(got, i)
		}
		if diff := cmp.Diff([]int{-1, -1, -1, 0, 0, 0, 0, 0, 1, 1, 1, 2, 3, 3, 3}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff([]int{3, 2, 0}, f.Under(3)); diff != "" {
			t.Errorf("%s: what the last stage goes on from (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff([]int{1}, f.Under(1)); diff != "" {
			t.Errorf("%s: what a stage on an image goes on from (-want +got):\n%s", name, diff)
		}
		if f.Stages[1].Platform != "$BUILDPLATFORM" {
			t.Errorf("%s: platform %q", name, f.Stages[1].Platform)
		}
	}
}

func TestTextThatIsNotADockerfileIsAnError(t *testing.T) {
	for _, text := range []string{"", "FROM\n", "FROM a AS 0b\n"} {
		if f, err := dockerfile.Outline(text); err == nil {
			t.Errorf("%q: %v", text, f)
		}
	}
}

func TestLongOrDeepScriptsAreNotParsed(t *testing.T) {
	for name, text := range map[string]string{
		"long": "FROM a\nRUN " + strings.Repeat("a\\\n", 1<<20), "deep": "FROM a\n" + strings.Repeat("ONBUILD \\\n", 2000) + "RUN a\n",
	} {
		began := time.Now()
		_, err := dockerfile.Parse(text)
		_, outlined := dockerfile.Outline(text)
		if err == nil || outlined == nil || !strings.Contains(err.Error(), "more than") || time.Since(began) > time.Second {
			t.Errorf("%s: %v, %v after %v", name, err, outlined, time.Since(began))
		}
	}
}
