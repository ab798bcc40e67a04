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

// builderVariable names the builder if --builder does not.
const builderVariable = "DOCKER_MULTIARCH_BUILDER"

// chosenBuilders is the choice that `builder use` stores in a file of the Docker config folder. It is a preference of the user, not a
// fact about an engine.
type chosenBuilders struct {
	Engines map[string]string `json:"engines,omitempty"` // engine's address → name
	All     string            `json:"all,omitempty"`     // for engines that are not listed
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
			Err:  fmt.Errorf("the choice of a builder cannot be read from %s: %w", w.chosenFile(), err),
			Hint: "remove the file, or name the builder with --builder",
		}
	}
	return c, nil
}

// writeChosen replaces the file as a whole. Without a choice it removes the file.
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

// BuilderFor returns the builder to use: named by the flag, else by the environment, else chosen with `builder use`, else the default one.
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

// changeChosen changes the stored choice under a lock, since each program reads the file and rewrites it. change returns false if
// it changes nothing.
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

// Choose stores a builder as the choice for this engine or for all engines.
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

// Forget drops a removed builder from the choice.
func (w *Env) Forget(ctx context.Context, name string) error {
	_, host := w.Endpoint()
	if c, err := w.readChosen(); err != nil || c.Engines[host] != name {
		return nil //nolint:nilerr // an unreadable choice does not concern this command
	}
	return w.changeChosen(ctx, func(c *chosenBuilders) bool {
		chosen := c.Engines[host] == name
		if chosen {
			delete(c.Engines, host)
		}
		return chosen
	})
}
