package engine

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"

	"github.com/docker-multiarch/docker-multiarch/internal/inuse"
)

// Kind is a kind of thing that is on an engine for a time only.
type Kind string

// The kinds. Their order is that of the removal.
const (
	AContainer Kind = "container"
	AnImage    Kind = "image"    // a name of an image
	Nameless   Kind = "nameless" // an image, by its digest, as long as it has no name
	AVolume    Kind = "volume"   // as long as no container has it
)

// leftovers records what this process has on engines for a time, in a file of its own. A process that is killed, or loses its engine,
// leaves its file, and the next process that asks that engine removes what the file names.
type leftovers struct {
	mu   sync.Mutex
	dir  string   // "": nothing is recorded
	file *os.File // nil as long as nothing is there
	mark *os.File // see inuse.Mark
	now  map[leftover]bool
}

// leftover is a thing on an engine.
type leftover struct{ engine, kind, name string }

const leftoversPrefix = "left-"

// RecordLeftovers makes the engine record in a folder what [Engine.Temporary] names. It comes before all other calls.
func (e *Engine) RecordLeftovers(dir string) { e.left.dir = dir }

// Temporary records that a thing of this name will be on the engine. The caller calls gone when it is not, or is meant to stay. A record
// that cannot be written is none.
func (e *Engine) Temporary(ctx context.Context, kind Kind, name string) (gone func()) {
	if e.left.dir == "" {
		return func() {}
	}
	info, _ := e.Info(ctx) // an engine that cannot be reached gets nothing
	thing := leftover{e.identity(info), string(kind), name}
	e.left.write("+", thing)
	inuse.EachLeft(e.left.dir, leftoversPrefix, func(file string) {
		if slices.Contains(thingsIn(file), thing) { // it is this process's now
			forget(file, thing)
		}
	})
	return func() { e.left.write("-", thing) }
}

// identity returns what tells an engine from others, in one word.
func (e *Engine) identity(info Info) string {
	return strings.Join(strings.Fields(cmp.Or(info.ID, e.Host())), "_")
}

// write adds a line, and removes the file with the last thing.
func (l *leftovers) write(sign string, thing leftover) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil && (sign == "-" || l.open() != nil) {
		return
	}
	if sign == "+" {
		l.now[thing] = true
	} else {
		delete(l.now, thing)
	}
	if len(l.now) == 0 {
		_ = os.Remove(l.file.Name())
		_, _ = l.file.Close(), l.mark.Close()
		l.file = nil
		return
	}
	thing.note(l.file, sign)
}

func (thing leftover) note(w io.Writer, sign string) {
	_, _ = fmt.Fprintf(w, "%s %s %s %s\n", sign, thing.engine, thing.kind, thing.name) // what cannot be written is not recorded
}

// forget ends the record of a thing in another process's file.
func forget(name string, thing leftover) {
	file, err := os.OpenFile(filepath.Clean(name), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return
	}
	thing.note(file, "-")
	_ = file.Close()
}

// open makes the file.
func (l *leftovers) open() error {
	if err := os.MkdirAll(l.dir, 0o750); err != nil {
		return err
	}
	file, err := os.CreateTemp(l.dir, leftoversPrefix)
	if err != nil {
		return err
	}
	mark, err := inuse.Mark(file.Name())
	if err != nil {
		_, _ = file.Close(), os.Remove(file.Name()) // the first error is the one to return
		return err
	}
	l.file, l.mark, l.now = file, mark, map[leftover]bool{}
	return nil
}

// settling is how long a record stays after its last change: an engine may still be about to do what a killed process asked of it last.
const settling = time.Minute

// sweep removes from the engine what processes that have ended have left there.
func (e *Engine) sweep(ctx context.Context, info Info) {
	if e.left.dir == "" {
		return
	}
	inuse.EachLeft(e.left.dir, leftoversPrefix, func(file string) {
		rest := 0
		for _, kind := range []Kind{AContainer, AnImage, Nameless, AVolume} {
			for _, thing := range thingsIn(file) {
				switch {
				case thing.kind != string(kind):
				case thing.engine != e.identity(info), e.removeLeftover(ctx, kind, thing.name) != nil:
					rest++
				case kind == AVolume: // its name is that of the next builder's, too
					forget(file, thing)
				}
			}
		}
		if info, err := os.Stat(file); rest == 0 && err == nil && time.Since(info.ModTime()) > settling {
			_ = os.Remove(file)
		}
	})
}

// thingsIn returns what a file names as being there.
func thingsIn(file string) (things []leftover) {
	text, _ := os.ReadFile(filepath.Clean(file)) // one that cannot be read names nothing
	now := map[leftover]bool{}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) == 4 {
			now[leftover{words[1], words[2], words[3]}] = words[0] == "+"
		}
	}
	for thing, there := range now {
		if there {
			things = append(things, thing)
		}
	}
	return things
}

// removeLeftover removes a thing, unless it has got another purpose.
func (e *Engine) removeLeftover(ctx context.Context, kind Kind, name string) error {
	switch kind {
	case AContainer:
		return e.RemoveContainer(ctx, name)
	case AnImage:
		return e.RemoveImage(ctx, name)
	case Nameless:
		return e.RemoveNameless(ctx, name)
	case AVolume:
	}
	_, err := e.RemoveVolume(ctx, name)
	if cerrdefs.IsConflict(err) {
		return nil
	}
	return err
}
