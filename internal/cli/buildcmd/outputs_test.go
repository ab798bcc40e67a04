//go:build unix

package buildcmd

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/project"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// lastRun writes the files of an earlier build.
func lastRun(s *harness) []string {
	files := []string{"iid", "meta.json", "report.md"}
	for _, name := range files {
		s.Write(name, "earlier")
	}
	return []string{"--iidfile", "iid", "--metadata-file", "meta.json", "--report", "report.md"}
}

func TestFilesOfAnEarlierBuildStayUntilTheBuildBegins(t *testing.T) {
	unreachable := func(context.Context, cli.ConnectOptions) error { return errors.New("no engine") }
	for name, tt := range map[string]struct {
		args    []string
		connect func(context.Context, cli.ConnectOptions) error
		status  int
		gone    string // may have changed
	}{
		"an engine that cannot be reached": {[]string{"--push", "-t", "HOST/app"}, unreachable, 1, "report.md"},
		"a check":                          {[]string{"--check"}, nil, 0, "meta.json"},
		"a plan":                           {[]string{"--dry-run", "--push", "-t", "HOST/app"}, nil, 0, ""},
		"wrong words":                      {[]string{"--push", "-t", "HOST/app", "-o", "type=nonsense"}, nil, cli.ExitUsage, ""},
		"a file that cannot be written":    {[]string{"--push", "-t", "HOST/app", "--report", "nowhere/r"}, nil, cli.ExitUsage, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newHarness(t)
			files := lastRun(s)
			if tt.connect != nil {
				s.Connecting = tt.connect
			}
			if status := s.Command(append(append([]string{"build", "-q"}, files...), append(tt.args, ".")...)...); status != tt.status {
				t.Errorf("status %d:\n%s", status, s.Err.String())
			}
			for _, file := range []string{"iid", "meta.json", "report.md"} {
				if data, _ := os.ReadFile(file); string(data) != "earlier" && file != tt.gone {
					t.Errorf("%s has %q", file, data)
				}
			}
			if left, _ := filepath.Glob(".[a-z]*"); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func TestTwoFlagsDoNotWriteToOneFile(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"an archive and metadata":             {[]string{"-o", "type=oci,dest=same.tar", "--metadata-file", "./same.tar"}, `--output and --metadata-file would both be written to "./same.tar"`},
		"files as an archive":                 {[]string{"-o", "type=tar,dest=x/../same.tar", "--report", "same.tar"}, "--output and --report would both"},
		"the same file by a link":             {[]string{"-o", "type=oci,dest=old", "--iidfile", "link"}, "--output and --iidfile would both"},
		"the same file by another name":       {[]string{"-o", "type=oci,dest=old", "--iidfile", "hard"}, "--output and --iidfile would both"},
		"a log":                               {[]string{"--push", "-t", "HOST/app", "--platform", "linux/amd64", "--log-dir", "logs", "--report", "logs/linux_amd64.log"}, "--report and --log-dir would both"},
		"a file of a layout":                  {[]string{"-o", "type=oci,tar=false,dest=layout", "--metadata-file", "layout/index.json"}, `"layout/index.json" is a file of the OCI layout`},
		"a folder that is emptied":            {[]string{"-o", "type=local,dest=out,mode=delete", "--log-dir", "out/logs"}, `--output "out" would overwrite "out/logs/shared.log"`},
		"a folder":                            {[]string{"-o", "out", "--iidfile", "out"}, `--output "out" would overwrite "out"`},
		"the Dockerfile":                      {[]string{"--push", "-t", "HOST/app", "--metadata-file", "Dockerfile"}, `--metadata-file would overwrite "Dockerfile", which the build reads`},
		"an archive over the project's file":  {[]string{"-o", "type=oci,dest=" + project.Name}, `--output would overwrite "` + project.Name + `"`},
		"a secret":                            {[]string{"--push", "-t", "HOST/app", "--secret", "id=a,src=old", "--iidfile", "old"}, `--iidfile would overwrite "old", which the build reads (--secret)`},
		"a Dockerfile, and a check's answers": {[]string{"--check", "--metadata-file", "Dockerfile"}, `--metadata-file would overwrite "Dockerfile"`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newHarness(t)
			s.Write("old", "mine")
			s.Write(project.Name, "")
			if err := errors.Join(os.Symlink("old", "link"), os.Link("old", "hard")); err != nil {
				t.Fatal(err)
			}
			if status := s.Command(append([]string{"build", "-q", "."}, tt.args...)...); status != cli.ExitUsage || s.Connects > 0 {
				t.Errorf("status %d, %d connections", status, s.Connects)
			}
			clitest.Contains(t, s.Err.String(), tt.want)
			if data, _ := os.ReadFile("old"); string(data) != "mine" {
				t.Errorf("%q is left", data)
			}
		})
	}
}

func TestFlagsWriteBesideEachOther(t *testing.T) {
	s := newHarness(t)
	s.Write("out/mine", "")
	args := []string{
		"build", "-q", "--platform", "linux/amd64", "-t", "HOST/app", "-o", "type=oci,tar=false,dest=out", "-o", "type=oci,dest=" + os.DevNull, "--metadata-file", "out/meta.json",
		"--iidfile", os.DevNull, "--report", os.DevNull, "--log-dir", "out", ".",
	}
	if status := s.Command(args...); status != 0 {
		t.Errorf("status %d:\n%s", status, s.Err.String())
	}
	for _, name := range []string{"out/meta.json", "out/index.json", "out/linux_amd64.log"} {
		if info, err := os.Stat(name); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

func TestPipesAndStreamsAreWrittenTo(t *testing.T) {
	s := newHarness(t)
	if err := syscall.Mkfifo("pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	if status := s.Command("build", "-q", "--push", "-t", "HOST/app", "--iidfile", "pipe", "."); status != 1 {
		t.Errorf("without a reader: status %d:\n%s", status, s.Err.String())
	}
	pipe, err := os.OpenFile("pipe", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	stream, err := os.Create("stream")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if _, err := stream.WriteString("before "); err != nil {
		t.Fatal(err)
	}
	fd := filepath.Join("/dev/fd", strconv.Itoa(int(stream.Fd())))
	if status := s.Command("build", "-q", "--push", "-t", "HOST/app", "--iidfile", "pipe", "--metadata-file", os.DevNull, "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	id := make([]byte, 100)
	if n, err := pipe.Read(id); err != nil || string(id[:n]) != s.Tagged("app") {
		t.Errorf("%q came, %v", id[:n], err)
	}
	if status := s.Command("build", "-q", "--push", "-t", "HOST/app", "--iidfile", fd, "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	if data, _ := os.ReadFile("stream"); string(data) != "before "+s.Tagged("app") {
		t.Errorf("the stream has %q", data)
	}
}

func TestALogThatIsALinkIsNotWrittenThrough(t *testing.T) {
	s := newHarness(t)
	s.Write("mine", "mine")
	if err := errors.Join(os.Mkdir("logs", 0o755), os.Symlink("../mine", "logs/linux_amd64.log")); err != nil {
		t.Fatal(err)
	}
	if status := s.Command("build", "-q", "--push", "-t", "HOST/app", "--platform", "linux/amd64", "--log-dir", "logs", "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	if data, _ := os.ReadFile("mine"); string(data) != "mine" || isLink("logs/linux_amd64.log") {
		t.Errorf("what the link led to has %q", data)
	}
}

func isLink(name string) bool {
	_, err := os.Readlink(name)
	return err == nil
}

func TestNothingIsBuiltForAnEngineThatCannotBeUsed(t *testing.T) {
	s := newHarness(t)
	s.Write("Dockerfile", "FROM scratch\n")
	s.Env.Engine = func() *engine.Engine { return engine.Unusable("none", errors.New("there is no such engine")) }
	for _, args := range [][]string{{"--load"}, {"-o", "type=docker", "--push"}} {
		status := s.Command(append(append([]string{"build", "-t", "HOST/app"}, args...), ".")...)
		if built := len(s.Solves()); status != 1 || built > 0 || !strings.Contains(s.Err.String(), "ERROR: there is no such engine") {
			t.Errorf("%v: status %d, %d solves:\n%s", args, status, built, s.Err.String())
		}
	}
}
