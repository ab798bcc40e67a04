package buildcmd

import (
	"os"
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

// outNames lists the names of each destination.
type outNames struct{ Pushed, ByDigest, Loaded, Archived []string }

func namesOf(r solve.Request) outNames {
	p := outNames{Pushed: shown(r.Tags), ByDigest: shown(r.ByDigest), Loaded: []string{}, Archived: []string{}}
	if l := r.Outputs.Load(); l != nil {
		p.Loaded = shown(l.Names)
	}
	for _, a := range r.Outputs.Archives() {
		p.Archived = append(p.Archived, a.Dest+"="+strings.Join(shown(a.Names), "+"))
	}
	return p
}

func TestEachOutputKeepsItsOwnNames(t *testing.T) {
	list := func(names ...string) []string { return append([]string{}, names...) }
	for name, tt := range map[string]struct {
		args []string
		env  string // DOCKER_MULTIARCH_IMAGE
		want outNames
		note string
	}{
		"a name for this machine is not pushed": {
			args: []string{"-o", "type=image,name=r.example/a:1,push=true", "-o", "type=docker,name=mine:2"},
			want: outNames{list("r.example/a:1"), list(), list("docker.io/library/mine:2"), list()},
		},
		"several outputs, several names": {
			args: []string{
				"-o", `"type=registry","name=r.example/a:1,r.example/a:2"`, "-o", "type=registry,name=r.example/b", "-o", "type=oci,name=c/d:3,dest=x.tar",
				"-o", "type=docker,name=e,dest=y.tar", "-o", "type=oci,dest=z.tar",
			},
			want: outNames{list("r.example/a:1", "r.example/a:2", "r.example/b:latest"), list(), list(), list("x.tar=docker.io/c/d:3", "y.tar=docker.io/library/e:latest", "z.tar=")},
		},
		"one by digest, one with its tag": {
			args: []string{"-o", "type=image,push=true,push-by-digest=true,name=r.example/a:1", "-o", "type=image,push=true,name=r.example/b:1"},
			want: outNames{list("r.example/b:1"), list("r.example/a"), list(), list()},
		},
		"an image that is not pushed keeps its name from the registry": {
			args: []string{"-o", "type=image,name=r.example/a:1,push=true", "-o", "type=image,name=r.example/b:1"},
			want: outNames{list("r.example/a:1"), list(), list(), list()},
		},
		"-t is for all, as in docker buildx": {
			args: []string{"-t", "r.example/t", "-o", "type=image,name=r.example/a:1,push=true", "-o", "type=docker,name=mine:2"},
			want: outNames{list("r.example/t:latest"), list(), list("r.example/t:latest"), list()},
		},
		"the environment's name is for the outputs that have none": {
			args: []string{"-o", "type=docker,name=mine:2", "--push"}, env: "r.example/env:1",
			want: outNames{list("r.example/env:1"), list(), list("docker.io/library/mine:2"), list()},
			note: "pushing to r.example/env:1 (DOCKER_MULTIARCH_IMAGE)",
		},
		"and not said where an output names what is pushed": {
			args: []string{"-o", "type=registry,name=r.example/a:1", "--load"}, env: "r.example/env:1",
			want: outNames{list("r.example/a:1"), list(), list("r.example/env:1"), list()},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newHarness(t)
			if tt.env != "" {
				s.Vars["DOCKER_MULTIARCH_IMAGE"] = tt.env
			}
			j, err := parseBuild(t.Context(), s.Env, parsed(t, append(tt.args, ".")...))
			if err != nil {
				t.Fatal(err)
			}
			defer j.release()
			if diff := cmp.Diff(tt.want, namesOf(j.request)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if pushes := strings.Join(linesOf(j.notes), "\n"); strings.Contains(pushes, "pushing to ") != (tt.note != "") || !strings.Contains(pushes, tt.note) {
				t.Errorf("notes %q, want %q", j.notes, tt.note)
			}
		})
	}
}

func TestAnOutputIsNotPushedUnderAnothersName(t *testing.T) {
	s := newHarness(t)
	_, err := parseBuild(t.Context(), s.Env, parsed(t, "-o", "type=docker,name=mine:2", "--push", "."))
	if err == nil || !strings.Contains(err.Error(), "no image name") {
		t.Errorf("got %v", err)
	}
}

func TestTheMetadataAndTheDigestsNameThePushedImages(t *testing.T) {
	s := newHarness(t)
	status := s.Command("build", "-q", "-o", "type=registry,name="+s.Host+"/pushed:1", "-o", "type=oci,name=mine:2,dest=x.tar", "--metadata-file", "meta.json", ".")
	if status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	data, err := os.ReadFile("meta.json")
	if err != nil {
		t.Fatal(err)
	}
	clitest.Contains(t, string(data), `"image.name": "`+s.Host+`/pushed:1"`)
	if want := s.Host + "/pushed@" + s.Tagged("pushed:1") + "\n"; s.Out.String() != want {
		t.Errorf("standard output %q, want %q", s.Out.String(), want)
	}
}

func shown[N reference.Named](refs []N) []string {
	all := make([]string, len(refs))
	for i, ref := range refs {
		all[i] = ref.String()
	}
	return all
}
