//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFilesThatAreLinksCountOrAreRefused(t *testing.T) {
	onEachEngine(t, func(s *story) {
		shared := s.folder(files{"Dockerfile": "FROM scratch\nCOPY . /\n", "ignore": "hidden\n"})
		dir := s.folder(files{"sub/D": "FROM scratch\nCOPY . /\n", "patterns": "hidden\n", "f": "f", "hidden": "hidden"})
		link := func(to, name string) {
			s.Helper()
			s.check(os.Symlink(to, filepath.Join(dir, name)))
		}
		link("sub/D", "Dockerfile")
		link("patterns", ".dockerignore")
		link(filepath.Join(shared, "Dockerfile"), "sub/elsewhere")
		for name, args := range map[string][]string{
			"inside": {dir}, "elsewhere": {"-f", filepath.Join(dir, "sub/elsewhere"), dir}, "piped": {"-f", "/dev/stdin", dir},
		} {
			stdin, err := os.Open(filepath.Join(shared, "Dockerfile"))
			s.check(err)
			s.mustRun(call{args: s.buildArgs(append([]string{"-o", name}, args...)...), stdin: stdin})
			s.check(stdin.Close())
			s.equal("what came in "+name, s.read(filepath.Join(name, "f")), "f")
			if _, err := os.Stat(filepath.Join(s.dir, name, "hidden")); err == nil {
				s.Errorf("%s has what is to be ignored", name)
			}
		}
		s.check(os.Remove(filepath.Join(dir, ".dockerignore")))
		link(filepath.Join(shared, "ignore"), ".dockerignore")
		s.refused(s.build("-o", "out", dir), 125, ".dockerignore", "leads out of the build context")
	})
}
