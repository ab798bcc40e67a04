package destination

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/docker-multiarch/docker-multiarch/internal/sink"
)

// clash refuses outputs if one would overwrite, or remove, what another one writes.
func clash(outs []Output) error {
	var files []Output
	for _, o := range outs {
		if o.dest == "" || o.dest == sink.Stdout {
			continue
		}
		if info, err := os.Stat(o.dest); err == nil && !info.IsDir() && !info.Mode().IsRegular() {
			continue // devices and pipes take all outputs
		}
		o.dest = RealPath(o.dest)
		for _, other := range files {
			if o.dest == other.dest {
				return fmt.Errorf("--output %q and %q would both be written to %q", other.text, o.text, o.dest)
			}
			if err := checkEmptied(o, other); err != nil {
				return err
			}
			if err := checkEmptied(other, o); err != nil {
				return err
			}
		}
		files = append(files, o)
	}
	return nil
}

// checkEmptied refuses to empty a folder that another output is written to.
func checkEmptied(o, other Output) error {
	rel, err := filepath.Rel(o.dest, other.dest)
	if o.attrs["mode"] != "delete" || err != nil || !filepath.IsLocal(rel) {
		return nil
	}
	return fmt.Errorf("--output %q would empty the folder that %q is written to", o.text, other.text)
}

// RealPath returns the absolute path without links. For a missing path, the nearest existing folder above is resolved.
func RealPath(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return filepath.Clean(path)
	}
	if found, err := filepath.EvalSymlinks(abs); err == nil {
		return found
	}
	if dir := filepath.Dir(abs); dir != abs {
		return filepath.Join(RealPath(dir), filepath.Base(abs))
	}
	return abs
}
