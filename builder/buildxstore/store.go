// Package buildxstore reads the builders that docker buildx keeps on the client, one file each. It writes nothing.
package buildxstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Program keeps the builders; for messages.
const Program = "docker buildx"

// Store is the folder of docker buildx.
type Store struct {
	Dir string
	// Drivers are the drivers that stand for those of docker buildx, by its names.
	Drivers map[string]string
}

// group is a builder as docker buildx writes it.
type group struct {
	Name, Driver string
	Nodes        []struct {
		Name, Endpoint string
		Platforms      []ocispecs.Platform
		DriverOpts     map[string]string
		Flags          []string
	}
}

func (s Store) path(name string) string {
	return filepath.Join(s.Dir, "instances", strings.ToLower(name))
}

// Names returns the names of all builders.
func (s Store) Names() (names []string) {
	files, _ := os.ReadDir(filepath.Join(s.Dir, "instances")) // without a folder there are none
	for _, f := range files {
		if f.Type().IsRegular() && builder.CheckName(f.Name()) == nil {
			names = append(names, f.Name())
		}
	}
	return names
}

// Builder returns a builder. found is false if there is none of that name.
func (s Store) Builder(name string) (b builder.Builder, found bool, err error) {
	if builder.CheckName(name) != nil {
		return b, false, nil
	}
	data, err := os.ReadFile(s.path(name))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return b, false, nil
	}
	var g group
	if err == nil {
		err = json.Unmarshal(data, &g)
	}
	if err == nil {
		b, err = s.convert(name, g)
	}
	if err != nil {
		return b, true, fmt.Errorf("builder %q of %s, in %s: %w", name, Program, s.path(name), err)
	}
	return b, true, nil
}

func (s Store) convert(name string, g group) (builder.Builder, error) {
	b := builder.Builder{Name: strings.ToLower(name), DefinedBy: s.path(name), KeptBy: Program}
	driver, ok := s.Drivers[g.Driver]
	switch {
	case len(g.Nodes) == 0:
		return b, errors.New("it has no nodes")
	case g.Driver == "":
		return b, errors.New("it has no driver")
	case !ok:
		return b, fmt.Errorf("its driver %q is not supported yet", g.Driver)
	}
	for i, n := range g.Nodes {
		e := builder.Endpoint{Builder: b.Name, Node: n.Name, Index: i, Driver: driver, Address: n.Endpoint, Options: n.DriverOpts, Flags: n.Flags}
		for _, p := range n.Platforms {
			ps, _, err := platform.Parse(platform.Format(p))
			if err != nil {
				return b, fmt.Errorf("node %q: %w", n.Name, err)
			}
			e.Platforms = append(e.Platforms, ps...)
		}
		if builder.CheckNode(n.Name) != nil || n.Endpoint == "" {
			return b, fmt.Errorf("node %q has no valid name or no endpoint", n.Name)
		}
		b.Nodes = append(b.Nodes, e)
	}
	return b, nil
}
