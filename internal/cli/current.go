package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildxstore"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/builder/remote"
	"github.com/docker-multiarch/docker-multiarch/builder/store"
)

// builderVariable names the builder if --builder does not.
const builderVariable = "DOCKER_MULTIARCH_BUILDER"

// peersVariable names a builder for docker buildx.
const peersVariable = "BUILDX_BUILDER"

// BuildKitVariable has the address of a BuildKit, as in docker buildx.
const BuildKitVariable = "BUILDKIT_HOST"

// Builders is the file of the user's builders.
func (w *Env) Builders() *store.Store {
	w.buildersOnce.Do(func() { w.builders = &store.Store{Dir: w.StateDir()} })
	return w.builders
}

// storedBuilders returns the content of the file of the user's builders.
func (w *Env) storedBuilders() (store.File, error) {
	f, err := w.Builders().Read()
	var unreadable *store.UnreadableError
	if errors.As(err, &unreadable) {
		err = &Hinted{Err: err, Hint: "remove the file, or name the builder with --builder"}
	}
	return f, err
}

// BuilderFor returns the builder to use: given with the flag, else in the environment, else chosen with `builder use`, else the default
// one. It is a name, or the address of a BuildKit.
func (w *Env) BuilderFor(flag string) (string, error) {
	for _, given := range w.namedBuilders(flag) {
		if given.name != "" {
			return given.name, CheckBuilder(given.name, given.from)
		}
	}
	f, err := w.storedBuilders()
	if err != nil {
		return "", err
	}
	_, host := w.Endpoint()
	name := cmp.Or(f.Engines[host], f.All, builder.DefaultName)
	return name, CheckBuilder(name, w.Builders().Path())
}

type namedBuilder struct{ name, from string }

// namedBuilders returns what names a builder besides the user's choice, the strongest first.
func (w *Env) namedBuilders(flag string) []namedBuilder {
	all := []namedBuilder{{flag, "--builder"}}
	for _, variable := range []string{builderVariable, peersVariable, BuildKitVariable} {
		name, _ := w.LookupEnv(variable)
		all = append(all, namedBuilder{name, variable})
	}
	if address := &all[len(all)-1]; address.name != "" && !IsAddress(address.name) {
		address.name += "://" // so that it is refused as an address
	}
	return all
}

// IsAddress reports whether the name of a builder is the address of a BuildKit.
func IsAddress(name string) bool { return strings.Contains(name, "://") }

// CheckBuilder returns an error unless a word can stand for a builder: it is a name, or the address of a BuildKit. from is where it was given.
func CheckBuilder(name, from string) error {
	err := builder.CheckName(name)
	if IsAddress(name) {
		err = remote.CheckAddress(name)
	}
	if err != nil && from != "" {
		err = fmt.Errorf("%s: %w", from, err)
	}
	if err != nil {
		return &Usage{Err: err}
	}
	return nil
}

// Here returns the address of the current engine, as a node keeps it: the Docker context, or the address of the default one, which depends
// on the environment.
func (w *Env) Here() string {
	context, host := w.Endpoint()
	if context == "default" {
		return host
	}
	return context
}

// FindBuilder returns the builder of a name if it exists: stored, kept by docker buildx, or as a container on the engine of the current context.
func (w *Env) FindBuilder(ctx context.Context, name string) (b builder.Builder, found bool, err error) {
	b, err = w.Builder(ctx, name)
	if err != nil || b.DefinedBy != "" {
		return b, err == nil, err
	}
	eng, err := w.ReachableEngine(ctx)
	if err != nil {
		return b, false, err
	}
	found, err = container.Exists(ctx, eng, b.Nodes[0])
	return b, found, err
}

// Builder returns the builder of a name or an address: as it is stored, or as docker buildx keeps it, else a container on the engine of the
// current context, whether it exists or not.
func (w *Env) Builder(ctx context.Context, name string) (builder.Builder, error) {
	if IsAddress(name) {
		node := builder.Endpoint{Builder: name, Driver: remote.DriverName, Address: name}
		b := builder.Builder{Name: name, Nodes: []builder.Endpoint{node}, DefinedBy: name}
		if given, _ := w.LookupEnv(BuildKitVariable); given == name {
			b.DefinedBy = BuildKitVariable
		}
		return b, nil
	}
	f, unreadable := w.storedBuilders()
	b, stored, err := f.Builder(name)
	if stored {
		b.DefinedBy = w.Builders().Path()
		return b, err
	}
	made := EngineBuilder(name)
	peers, found, err := w.Peers().Builder(name)
	switch {
	case unreadable == nil && !found || w.onEngine(ctx, made.Nodes[0]):
		return made, nil
	case unreadable != nil:
		return builder.Builder{}, unreadable
	}
	return peers, err
}

// Peers are the builders that docker buildx keeps.
func (w *Env) Peers() buildxstore.Store {
	dir, _ := w.LookupEnv("BUILDX_CONFIG")
	return buildxstore.Store{
		Dir: cmp.Or(dir, filepath.Join(filepath.Dir(w.StateDir()), "buildx")),
		Drivers: map[string]string{
			container.DriverName: container.PeerDriverName, remote.DriverName: remote.DriverName, "docker": "docker",
		},
	}
}

// PeerBuilders returns the builders that docker buildx keeps, and why others of them cannot be used.
func (w *Env) PeerBuilders() (all []builder.Builder, unusable []error) {
	peers := w.Peers()
	for _, name := range peers.Names() {
		b, found, err := peers.Builder(name)
		switch {
		case err != nil:
			unusable = append(unusable, err)
		case found:
			all = append(all, b)
		}
	}
	return all, unusable
}

// engineTimeout bounds a question to the engine that an answer could spare.
const engineTimeout = 5 * time.Second

// onEngine reports whether the engine of the current context answers, and has the node.
func (w *Env) onEngine(ctx context.Context, e builder.Endpoint) bool {
	ctx, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	eng, err := w.ReachableEngine(ctx)
	if err != nil {
		return false
	}
	found, err := container.Exists(ctx, eng, e)
	return err == nil && found
}

// EngineBuilder is the builder of a name that no file defines.
func EngineBuilder(name string) builder.Builder {
	return builder.Builder{Name: name, Nodes: []builder.Endpoint{{Builder: name, Driver: container.DriverName}}}
}

// StoredBuilders returns the builders that the user's file defines, sorted by name.
func (w *Env) StoredBuilders() (all []builder.Builder, err error) {
	f, err := w.storedBuilders()
	for _, name := range slices.Sorted(maps.Keys(f.Builders)) {
		b, _, err := f.Builder(name)
		if err != nil {
			return nil, err
		}
		b.DefinedBy = w.Builders().Path()
		all = append(all, b)
	}
	return all, err
}

// Undefine drops a builder from the file, except the nodes to keep. If none is kept, the builder is no longer chosen for any engine.
func (w *Env) Undefine(ctx context.Context, b builder.Builder, keep []builder.Endpoint) error {
	if b.KeptBy != "" {
		return &Hinted{Err: fmt.Errorf("builder %q is kept by %s, in %s", b.Name, b.KeptBy, b.DefinedBy), Hint: b.KeptBy + " rm " + b.Name + " removes it"}
	}
	return w.Builders().Change(ctx, func(f *store.File) (bool, error) {
		if len(keep) > 0 {
			b.Nodes = keep
			f.Put(b)
			return true, nil
		}
		delete(f.Builders, b.Name)
		maps.DeleteFunc(f.Engines, func(_, chosen string) bool { return chosen == b.Name })
		if f.All == b.Name {
			f.All = ""
		}
		return true, nil
	})
}

// Choose stores a builder as the choice for this engine or for all engines.
func (w *Env) Choose(ctx context.Context, name string, everywhere bool) error {
	_, host := w.Endpoint()
	return w.Builders().Change(ctx, func(f *store.File) (bool, error) {
		choose(f, host, name, everywhere)
		return true, nil
	})
}

func choose(f *store.File, host, name string, everywhere bool) {
	if everywhere {
		f.All, f.Engines = name, nil
	} else {
		if f.Engines == nil {
			f.Engines = map[string]string{}
		}
		f.Engines[host] = name
	}
	if name == builder.DefaultName && (everywhere || f.All == "") {
		delete(f.Engines, host)
		f.All = ""
	}
}

// Forget drops a removed builder from the choice.
func (w *Env) Forget(ctx context.Context, name string) error {
	_, host := w.Endpoint()
	if f, err := w.Builders().Read(); err != nil || f.Engines[host] != name {
		return nil //nolint:nilerr // an unreadable choice does not concern this command
	}
	return w.Builders().Change(ctx, func(f *store.File) (bool, error) {
		chosen := f.Engines[host] == name
		if chosen {
			delete(f.Engines, host)
		}
		return chosen, nil
	})
}
