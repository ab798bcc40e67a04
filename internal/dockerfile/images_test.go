package dockerfile_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/dockerfile"
)

func TestTheImagesThatABuildFetchesByTheWordsOfADockerfile(t *testing.T) {
	const registry = "localhost:5000"
	for name, c := range map[string]struct {
		text   string
		choice dockerfile.Choice
		want   []string
	}{
		"FROM":                  {"FROM localhost:5000/a\n", dockerfile.Choice{}, []string{"1 FROM localhost:5000/a = localhost:5000/a"}},
		"an argument's default": {"ARG R=localhost:5000\nARG B=$R/a\nFROM ${B}:1\n", dockerfile.Choice{}, []string{"3 FROM ${B}:1 = localhost:5000/a:1"}},
		"a build argument wins": {
			"ARG B=localhost:5000/a\nFROM $B\n", dockerfile.Choice{Args: map[string]string{"B": "alpine"}}, []string{"2 FROM $B = alpine"},
		},
		"a default in the FROM": {"ARG B\nFROM ${B:-localhost:5000/a}\n", dockerfile.Choice{}, []string{"2 FROM ${B:-localhost:5000/a} = localhost:5000/a"}},
		"COPY --from":           {"FROM a\nCOPY --from=localhost:5000/b / /\n", dockerfile.Choice{}, []string{"1 FROM a = a", "2 COPY --from=localhost:5000/b = localhost:5000/b"}},
		"RUN --mount": {
			"FROM a\nRUN --mount=from=localhost:5000/b,target=/b --mount=type=cache,target=/c true\n",
			dockerfile.Choice{},
			[]string{"1 FROM a = a", "2 RUN --mount=from=localhost:5000/b = localhost:5000/b"},
		},
		"the frontend":                      {"# syntax=localhost:5000/f:1\nFROM a\n", dockerfile.Choice{}, []string{"1 # syntax=localhost:5000/f:1 = localhost:5000/f:1", "2 FROM a = a"}},
		"the frontend of a text of its own": {"# syntax=localhost:5000/f\nthis: is yaml\n", dockerfile.Choice{}, []string{"1 # syntax=localhost:5000/f = localhost:5000/f"}},
		"another frontend is named": {
			"# syntax=localhost:5000/f:1\nFROM a\n", dockerfile.Choice{Args: map[string]string{"BUILDKIT_SYNTAX": "f"}}, []string{"2 FROM a = a"},
		},
		"other words": {
			"ARG DB=localhost:5432\nFROM a\nARG X=localhost:1\nENV Y=localhost:1/y\n# FROM localhost:5000/c\nRUN wait-for localhost:5432\n" +
				"RUN <<EOF\nFROM localhost:5000/b\nCOPY --from=localhost:5000/b / /\nEOF\nCOPY localhost:8080 /x\n",
			dockerfile.Choice{},
			[]string{"2 FROM a = a"},
		},
		"stages by name and by number are no images": {
			"FROM a AS x\nFROM X\nCOPY --from=0 / /\nCOPY --from=x / /\nRUN --mount=from=x,target=/x true\nFROM scratch\nCOPY --from=1 / /\n",
			dockerfile.Choice{},
			[]string{"1 FROM a = a"},
		},
		"a stage that is not built": {"FROM localhost:5000/a AS dev\nFROM b\n", dockerfile.Choice{}, []string{"2 FROM b = b"}},
		"the target":                {"FROM localhost:5000/a AS dev\nFROM b\n", dockerfile.Choice{Target: "DEV"}, []string{"1 FROM localhost:5000/a = localhost:5000/a"}},
		"a named context": {
			"FROM localhost:5000/a\nCOPY --from=b / /\n",
			dockerfile.Choice{Named: func(name string) bool { return name == registry+"/a" }},
			[]string{"2 COPY --from=b = b"},
		},
		"another escape character":   {"# escape=`\nFROM `\n  localhost:5000/a\n", dockerfile.Choice{}, []string{"2 FROM localhost:5000/a = localhost:5000/a"}},
		"no Dockerfile":              {"hello\n", dockerfile.Choice{}, nil},
		"a target that is not there": {"FROM a\n", dockerfile.Choice{Target: "x"}, nil},
	} {
		var got []string
		for _, i := range dockerfile.Images(c.text, c.choice) {
			got = append(got, fmt.Sprintf("%d %s = %s", i.Line, i.Text, i.Name))
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func FuzzImages(f *testing.F) {
	f.Add("# syntax=a\nARG B=c\nFROM ${B:-d} AS e\nCOPY --from=e / /\nRUN --mount=from=f,target=/ true\nFROM e\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, i := range dockerfile.Images(text, dockerfile.Choice{Args: map[string]string{"X": "y"}}) {
			if i.Line < 0 {
				t.Error(i)
			}
		}
	})
}
