package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/builder/remote"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
)

// theirs writes a builder as docker buildx keeps it.
func (s *harness) theirs(name string) (path string) {
	s.T.Helper()
	s.Vars["BUILDX_CONFIG"] = s.T.TempDir()
	path = filepath.Join(s.Vars["BUILDX_CONFIG"], "instances", name)
	s.Write(path, `{"Name":"`+name+`","Driver":"docker-container","Nodes":[{"Name":"`+name+`0","Endpoint":"there"}]}`)
	return path
}

func TestOursWinsOverABuilderOfTheSameName(t *testing.T) {
	s := newHarness(t)
	s.withContexts()
	path := s.theirs("b")
	if b, err := s.Env.Builder(s.T.Context(), "b"); err != nil || b.DefinedBy != path || b.KeptBy != "docker buildx" || b.Nodes[0].Address != "there" {
		t.Errorf("theirs: %+v, %v", b, err)
	}
	s.refused("is kept by docker buildx, in "+path, "builder", "create", "--name", "b", "--append", "there")
	s.must("builder", "use", "b")

	s.Vars["BUILDX_CONFIG"] = t.TempDir()
	s.must("builder", "create", "--name", "b")
	s.theirs("b")
	if b, err := s.Env.Builder(s.T.Context(), "b"); err != nil || b.KeptBy != "" || b.DefinedBy != "" {
		t.Errorf("ours on the engine: %+v, %v", b, err)
	}
	s.must("builder", "create", "--name", "b", "--append", "there")
	s.theirs("b")
	if b, err := s.Env.Builder(s.T.Context(), "b"); err != nil || b.KeptBy != "" || len(b.Nodes) != 2 {
		t.Errorf("ours in the file: %+v, %v", b, err)
	}
}

func TestBuildersOfThePeerAreListedUnlessOneOfOursHasTheName(t *testing.T) {
	s := newHarness(t)
	s.withContexts()
	s.must("builder", "create", "--name", "ours")
	s.must("builder", "create", "--name", "farm", "there")
	path := s.theirs("theirs")
	instances := filepath.Dir(path)
	for _, name := range []string{"ours", "farm"} {
		s.Write(filepath.Join(instances, name), `{"Name":"`+name+`","Driver":"docker-container","Nodes":[{"Name":"hidden0","Endpoint":"there"}]}`)
	}
	s.Write(filepath.Join(instances, "broken"), "{")
	s.Write(filepath.Join(instances, "pods"), `{"Name":"pods","Driver":"kubernetes","Nodes":[{"Name":"pods0","Endpoint":"there"}]}`)
	s.Err.Reset()
	table := s.must("builder", "ls")
	clitest.Contains(t, s.Normal(table), "theirs  docker-container (docker buildx)  \n", ` \_ theirs0  \_ there  inactive`, "farm  docker-container  \n", "ours  docker-container  ")
	for _, name := range []string{"hidden0", "broken", "pods"} {
		if strings.Contains(table, name) {
			t.Errorf("%s is in\n%s", name, table)
		}
	}
	clitest.Contains(t, s.Err.String(), `builder "broken" of docker buildx, in `+filepath.Join(instances, "broken")+": ", `its driver "kubernetes" is not supported yet: it is not listed`)
	if lines := strings.Count(s.Err.String(), "\n"); lines != 2 {
		t.Errorf("%d lines:\n%s", lines, s.Err.String())
	}
	clitest.Contains(t, s.must("builder", "ls", "--format", "json"), `"Name":"theirs","Driver":"docker-container","Current":false,"KeptBy":"docker buildx","Nodes":[{"Name":"theirs0"`)
	clitest.Contains(t, s.must("builder", "inspect", "theirs"), "docker-container", "docker buildx")
	s.must("builder", "rm", "--all-inactive", "--force")
	clitest.Contains(t, s.must("builder", "ls"), "theirs", "hidden0")
}

func TestAnAddressIsABuilder(t *testing.T) {
	s := newHarness(t)
	b, err := s.Env.Builder(s.T.Context(), "tcp://h:1234")
	if err != nil || len(b.Nodes) != 1 || b.Nodes[0].Driver != remote.DriverName || b.Nodes[0].Address != "tcp://h:1234" {
		t.Errorf("%+v, %v", b, err)
	}
	if _, err := s.Env.BuilderFor("tpc://h:1234"); err == nil {
		t.Error("a scheme with a typing error is taken")
	}
	s.must("builder", "use", "tcp://h:1234")
	if got := using(t, s); got != "tcp://h:1234" {
		t.Errorf("%q is used", got)
	}
}

func TestABuilderOnTheEngineIsUsedWhenTheFileIsBroken(t *testing.T) {
	s := newHarness(t)
	s.withBuilders()
	s.must("builder", "create", "--name", "b")
	if err := os.WriteFile(chosenFile(s), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Env = &cli.Env{Streams: s.Env.Streams, Docker: s.Env.Docker, Folders: s.Env.Folders, LookupEnv: s.Env.LookupEnv} // of the next command
	if b, err := s.Env.Builder(s.T.Context(), "b"); err != nil || b.DefinedBy != "" {
		t.Errorf("%+v, %v", b, err)
	}
	if _, err := s.Env.Builder(s.T.Context(), "other"); err == nil {
		t.Error("a builder that may be in the file is taken for one on the engine")
	}
	s.refused(chosenFile(s), "builder", "create", "--name", "other", "--append", "there")
	if kept, _ := os.ReadFile(chosenFile(s)); string(kept) != "{" {
		t.Errorf("the file is %q", kept)
	}
	clitest.Contains(t, s.Err.String(), "remove the file")
}
