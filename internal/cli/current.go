package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/builder/store"
)

// builderVariable names the builder if --builder does not.
const builderVariable = "DOCKER_MULTIARCH_BUILDER"

// BuildKitVariable has the address of a BuildKit, as in docker buildx.
const BuildKitVariable = "BUILDKIT_HOST"

// Builders is the file of the user's builders.
func (w *Env) Builders() store.Store { return store.Store{Dir: w.StateDir()} }

// storedBuilders returns the content of the file of the user's builders.
func (w *Env) storedBuilders() (store.File, error) {
	f, err := w.Builders().Read()
	var unreadable *store.UnreadableError
	if errors.As(err, &unreadable) {
		err = &Hinted{Err: err, Hint: "remove the file, or name the builder with --builder"}
	}
	return f, err
}

// BuilderFor returns the name of the builder to use: given with the flag, else in the environment, else chosen with `builder use`, else the
// default one.
func (w *Env) BuilderFor(flag string) (string, error) {
	name, from := flag, "--builder"
	if name == "" {
		name, _ = w.LookupEnv(builderVariable)
		from = builderVariable
	}
	if name == "" {
		from = w.Builders().Path()
		f, err := w.storedBuilders()
		if err != nil {
			return "", err
		}
		_, host := w.Endpoint()
		if name = f.Engines[host]; name == "" {
			name = f.All
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

// Here returns the address of the current engine, as a node keeps it: the Docker context, or the address of the default one, which depends
// on the environment.
func (w *Env) Here() string {
	context, host := w.Endpoint()
	if context == "default" {
		return host
	}
	return context
}

// FindBuilder returns the builder of a name if it exists: stored, or as a container on the engine of the current context.
func (w *Env) FindBuilder(ctx context.Context, name string) (b builder.Builder, found bool, err error) {
	b, err = w.Builder(name)
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

// Builder returns the builder of a name that BuilderFor has returned: as it is stored, else a container on the engine of the current
// context, whether it exists or not.
func (w *Env) Builder(name string) (builder.Builder, error) {
	f, err := w.storedBuilders()
	if err != nil {
		return builder.Builder{}, err
	}
	b, stored, err := f.Builder(name)
	if stored {
		b.DefinedBy = w.Builders().Path()
		return b, err
	}
	return EngineBuilder(name), nil
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
