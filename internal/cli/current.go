package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/atomicfile"
)

// builderVariable names the builder where --builder does not.
const builderVariable = "DOCKER_MULTIARCH_BUILDER"

// chosenBuilders is what `builder use` remembers, in a file of the Docker config folder: it is a preference of this user, and not a
// fact about an engine.
type chosenBuilders struct {
	Engines map[string]string `json:"engines,omitempty"` // engine's address → name
	All     string            `json:"all,omitempty"`     // for the engines that are not among these
}

func (w *Env) chosenFile() string { return filepath.Join(w.StateDir(), "builders.json") }

func (w *Env) readChosen() (chosenBuilders, error) {
	var c chosenBuilders
	data, err := os.ReadFile(w.chosenFile())
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil {
		return c, &Hinted{
			Err:  fmt.Errorf("which builder is in use cannot be read from %s: %w", w.chosenFile(), err),
			Hint: "remove that file, or name the builder with --builder",
		}
	}
	return c, nil
}

// writeChosen replaces the file as a whole. Without a choice there is none.
func (w *Env) writeChosen(c chosenBuilders) error {
	if len(c.Engines) == 0 && c.All == "" {
		if err := os.Remove(w.chosenFile()); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(w.StateDir(), 0o700); err != nil {
		return err
	}
	return atomicfile.WriteFile(w.chosenFile(), append(data, '\n'), 0o600)
}

// BuilderFor is the builder to use: named, else by the environment, else as chosen with `builder use`, else the default one.
func (w *Env) BuilderFor(flag string) (string, error) {
	name, from := flag, "--builder"
	if name == "" {
		name, _ = w.LookupEnv(builderVariable)
		from = builderVariable
	}
	if name == "" {
		from = w.chosenFile()
		c, err := w.readChosen()
		if err != nil {
			return "", err
		}
		_, host := w.Endpoint()
		if name = c.Engines[host]; name == "" {
			name = c.All
		}
	}
	if name == "" {
		return builder.DefaultName, nil
	}
	if err := builder.CheckName(name); err != nil {
		return "", &Usage{Err: fmt.Errorf("%s: %w", from, err)}
	}
	return name, nil
}

// changeChosen changes what is remembered, one program at a time: each reads the file and writes it anew. A change that is none gives false.
func (w *Env) changeChosen(ctx context.Context, change func(*chosenBuilders) bool) (err error) {
	if err := os.MkdirAll(w.StateDir(), 0o700); err != nil {
		return err
	}
	lock := flock.New(filepath.Join(w.StateDir(), ".builders.lock"))
	if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		return fmt.Errorf("lock %q: %w", w.StateDir(), err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	c, err := w.readChosen()
	if err != nil || !change(&c) {
		return err
	}
	return w.writeChosen(c)
}

// Choose remembers a builder, for this engine or for all of them.
func (w *Env) Choose(ctx context.Context, name string, everywhere bool) error {
	_, host := w.Endpoint()
	return w.changeChosen(ctx, func(c *chosenBuilders) bool {
		c.choose(host, name, everywhere)
		return true
	})
}

func (c *chosenBuilders) choose(host, name string, everywhere bool) {
	if everywhere {
		*c = chosenBuilders{All: name}
	} else {
		if c.Engines == nil {
			c.Engines = map[string]string{}
		}
		c.Engines[host] = name
	}
	if name == builder.DefaultName && (everywhere || c.All == "") {
		delete(c.Engines, host)
		c.All = ""
	}
}

// Forget drops the choice of builders that are gone.
func (w *Env) Forget(ctx context.Context, name string) error {
	_, host := w.Endpoint()
	if c, err := w.readChosen(); err != nil || c.Engines[host] != name {
		return nil //nolint:nilerr // what cannot be read is not this command's matter
	}
	return w.changeChosen(ctx, func(c *chosenBuilders) bool {
		chosen := c.Engines[host] == name
		if chosen {
			delete(c.Engines, host)
		}
		return chosen
	})
}
