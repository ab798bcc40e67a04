// Package timing keeps how long commands took under an emulator, so that it can be said later what it saved that one ran without. The
// record is a small file of the user's. It is a convenience: one that cannot be read counts as empty, of several programs that write at
// the same time one may lose what it had to add, and it may be deleted at any time.
package timing

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

const (
	version = 1
	most    = 1000    // commands that are kept; the ones that were added last
	tooBig  = 1 << 20 // bytes of a file that is none of ours: ours have about 100 a command
)

// Key names a command without saying what it is.
type Key string

// KeyOf is the key of a step that runs a program: of its words, its variables, its working directory and the platform that it runs for,
// and not of the files that it finds. scope tells projects apart that have the same commands.
func KeyOf(scope string, s graph.Step) Key {
	words, _ := json.Marshal([]any{scope, s.Args, s.Env, s.Cwd, platform.Format(s.Platform)}) // texts only: it cannot fail
	sum := sha256.Sum256(words)
	return Key(hex.EncodeToString(sum[:16]))
}

// Times are seconds that commands took under an emulator.
type Times map[Key]float64

// entry is a command in the file, which has them in the order in which they were added.
type entry struct {
	Key     Key     `json:"key"`
	Seconds float64 `json:"seconds"`
}

type record struct {
	Version int     `json:"version"`
	Steps   []entry `json:"steps"`
}

// Load reads what is known.
func Load(file string) Times {
	t := Times{}
	for _, e := range read(file) {
		t[e.Key] = e.Seconds
	}
	return t
}

func read(file string) []entry {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, tooBig+1))
	var r record
	if err != nil || len(data) > tooBig || json.Unmarshal(data, &r) != nil || r.Version != version {
		return nil
	}
	return slices.DeleteFunc(r.Steps, func(e entry) bool { return e.Seconds <= 0 })
}

// Add puts times into the file, in place of what it has of the same commands, and lets go of the oldest if there are too many. The file
// is replaced in one step; its folder is made if there is none.
func Add(file string, times Times) error {
	if len(times) == 0 {
		return nil
	}
	entries := slices.DeleteFunc(read(file), func(e entry) bool { _, again := times[e.Key]; return again })
	for _, k := range slices.Sorted(maps.Keys(times)) {
		entries = append(entries, entry{k, times[k]})
	}
	data, err := json.Marshal(record{version, entries[max(0, len(entries)-most):]})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = cmp.Or(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the error that matters is the first
	}
	return err
}
