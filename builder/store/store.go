// Package store keeps the user's builders and the choice among them, in one file of the Docker config's
// folder.
//
// Only builders that an engine cannot describe by itself are in it: those with several nodes, and those
// whose nodes are not containers on the engine of the current context.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/internal/atomicfile"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Store is the folder of the file. A command reads the file once, so that its steps agree about the builders; only a change reads it again.
// It is safe for concurrent use.
type Store struct {
	Dir string

	mu   sync.Mutex
	read func() (File, error) // nil: not yet
}

// Path returns the name of the file.
func (s *Store) Path() string { return filepath.Join(s.Dir, "builders.json") }

// File is the content of the file. The zero value is an empty one.
type File struct {
	Engines  map[string]string `json:"engines,omitempty"`  // engine's address → the builder chosen for it
	All      string            `json:"all,omitempty"`      // the builder chosen for engines that are not listed
	Builders map[string][]node `json:"builders,omitempty"` // name → nodes, in the order in which they were added
}

// node is an endpoint as it is written.
type node struct {
	Name      string                `json:"name"`
	Index     int                   `json:"index,omitempty"` // of [builder.Endpoint]
	Driver    string                `json:"driver"`
	Address   string                `json:"endpoint,omitempty"`
	Platforms []string              `json:"platforms,omitempty"`
	Options   map[string]string     `json:"options,omitempty"`
	Flags     []string              `json:"flags,omitempty"`
	Config    *buildkitd.UserConfig `json:"config,omitempty"`
}

// UnreadableError means that the file exists and is not valid. The file stays as it is.
type UnreadableError struct {
	Path string
	Err  error
}

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("the builders of the user cannot be read from %s: %v", e.Path, e.Err)
}

func (e *UnreadableError) Unwrap() error { return e.Err }

// Read returns the content of the file; an empty one if there is no file. The error for an invalid one is an
// [UnreadableError]. Callers share the content and do not change it.
func (s *Store) Read() (File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read == nil {
		s.read = sync.OnceValues(s.fresh)
	}
	return s.read()
}

func (s *Store) fresh() (f File, err error) {
	data, err := os.ReadFile(s.Path())
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	for name := range f.Builders {
		if err == nil {
			_, _, err = f.Builder(name)
		}
	}
	if err != nil {
		return File{}, &UnreadableError{Path: s.Path(), Err: err}
	}
	return f, nil
}

// Change changes the file under a lock, since each program reads the file and rewrites it. change returns
// false if it changes nothing. An empty file is removed.
func (s *Store) Change(ctx context.Context, change func(*File) (bool, error)) error {
	return atomicfile.Locked(ctx, filepath.Join(s.Dir, ".builders.lock"), func() error {
		f, err := s.fresh()
		if err != nil {
			return err
		}
		if changed, err := change(&f); err != nil || !changed {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.read = nil
		return s.write(f)
	})
}

func (s *Store) write(f File) error {
	if len(f.Engines) == 0 && f.All == "" && len(f.Builders) == 0 {
		if err := os.Remove(s.Path()); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(s.Path(), append(data, '\n'), 0o600)
}

// Builder returns a builder of the file. found is false if the file does not define it.
func (f File) Builder(name string) (b builder.Builder, found bool, err error) {
	nodes, found := f.Builders[name]
	if !found {
		return b, false, nil
	}
	if len(nodes) == 0 {
		return b, true, fmt.Errorf("builder %q has no nodes", name)
	}
	b.Name = name
	for _, n := range nodes {
		e := builder.Endpoint{
			Builder: name, Node: n.Name, Index: n.Index, Driver: n.Driver, Address: n.Address, Options: n.Options, Flags: n.Flags,
		}
		if n.Config != nil {
			e.Config = *n.Config
		}
		if e.Platforms, _, err = platform.Parse(n.Platforms...); err != nil {
			return b, true, fmt.Errorf("node %q of builder %q: %w", n.Name, name, err)
		}
		if i := slices.IndexFunc(b.Nodes, func(o builder.Endpoint) bool { return o.Node == e.Node || o.Index == e.Index }); i >= 0 {
			return b, true, fmt.Errorf("node %q of builder %q has the name or the index of node %q", n.Name, name, b.Nodes[i].Node)
		}
		b.Nodes = append(b.Nodes, e)
	}
	return b, true, nil
}

// Put defines a builder, in place of one of the same name.
func (f *File) Put(b builder.Builder) {
	var nodes []node
	for _, e := range b.Nodes {
		n := node{Name: e.Node, Index: e.Index, Driver: e.Driver, Address: e.Address, Options: e.Options, Flags: e.Flags}
		for _, p := range e.Platforms {
			n.Platforms = append(n.Platforms, platform.Format(p))
		}
		if e.Config.TOML != nil {
			n.Config = &e.Config
		}
		nodes = append(nodes, n)
	}
	if f.Builders == nil {
		f.Builders = map[string][]node{}
	}
	f.Builders[b.Name] = nodes
}
