// Package timing records how long commands took under an emulator. A later build reports the time it saved by running them without one. The
// package is pure: a record is bytes, which the caller stores.
package timing

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

const (
	version  = 1
	maxSteps = 1000 // commands in a record; the latest are kept
)

// Key identifies a command without containing it.
type Key string

// KeyOf returns the key of a step that runs a program: of its arguments, its variables, its working directory and its platform, and not of
// the files that it reads. scope separates projects that have the same commands.
func KeyOf(scope string, s graph.Step) Key {
	input, _ := json.Marshal([]any{scope, s.Args, s.Env, s.Cwd, platform.Format(s.Platform)}) // strings only: it cannot fail
	sum := sha256.Sum256(input)
	return Key(hex.EncodeToString(sum[:16]))
}

// Times are the seconds that commands took under an emulator.
type Times map[Key]float64

// Record has the times that are stored.
type Record struct {
	Version int     `json:"version"`
	Steps   []entry `json:"steps"` // in the order in which they were added
}

type entry struct {
	Key     Key     `json:"key"`
	Seconds float64 `json:"seconds"`
}

// Decode reads a record. Data of another format counts as empty.
func Decode(data []byte) Record {
	var r Record
	if json.Unmarshal(data, &r) != nil || r.Version != version {
		return Record{}
	}
	return r
}

// Times returns the times of the record.
func (r Record) Times() Times {
	t := Times{}
	for _, e := range r.Steps {
		t[e.Key] = e.Seconds
	}
	return t
}

// With returns the record with more times, which replace its own times of the same commands, and without the oldest if there are too many.
func (r Record) With(times Times) Record {
	steps := slices.DeleteFunc(slices.Clone(r.Steps), func(e entry) bool { _, again := times[e.Key]; return again })
	for _, k := range slices.Sorted(maps.Keys(times)) {
		steps = append(steps, entry{k, times[k]})
	}
	return Record{version, steps[max(0, len(steps)-maxSteps):]}
}

// Encode returns the bytes that [Decode] reads. A thousand commands take about 80 KB.
func (r Record) Encode() []byte {
	data, _ := json.Marshal(r) // numbers and strings only
	return data
}
