package destination

import (
	"errors"
	"os"
	"testing"
)

func TestAFolderBelowTheWorkingDirectoryMayBeEmptied(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := errors.Join(os.MkdirAll("in/side", 0o750), os.Symlink("/", "link")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"in": true, "in/side": true, "new": true, "in/new": true, ".": false, "..": false, "in/..": false, "link": false, "/": false} {
		if below(path) != want {
			t.Errorf("%q: %t", path, !want)
		}
	}
}
