// Package timing remembers how long commands took under an emulator, so that it can be said later what it saved that one ran without. It is
// pure: a record is bytes, which somebody keeps.
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
	version = 1
	most    = 1000 // commands that are remembered; the ones that were added last
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

// Record is what is remembered.
type Record struct {
	Version int     `json:"version"`
	Steps   []entry `json:"steps"` // in the order in which they were added
}

type entry struct {
	Key     Key     `json:"key"`
	Seconds float64 `json:"seconds"`
}

// Decode reads a record. What is none of ours counts as empty.
func Decode(data []byte) Record {
	var r Record
	if json.Unmarshal(data, &r) != nil || r.Version != version {
		return Record{}
	}
	return r
}

// Times are those of the record.
func (r Record) Times() Times {
	t := Times{}
	for _, e := range r.Steps {
		t[e.Key] = e.Seconds
	}
	return t
}

// With is the record with more times, in place of what it has of the same commands, and without the oldest if there are too many.
func (r Record) With(times Times) Record {
	steps := slices.DeleteFunc(slices.Clone(r.Steps), func(e entry) bool { _, again := times[e.Key]; return again })
	for _, k := range slices.Sorted(maps.Keys(times)) {
		steps = append(steps, entry{k, times[k]})
	}
	return Record{version, steps[max(0, len(steps)-most):]}
}

// Encode is what [Decode] reads. A thousand commands have about 80 KB.
func (r Record) Encode() []byte {
	data, _ := json.Marshal(r) // numbers and texts only
	return data
}
