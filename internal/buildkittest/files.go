package buildkittest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing/fstest"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	fstypes "github.com/tonistiigi/fsutil/types"
)

// files returns those of an image ([Builder.Contents]), or those that exist after the last step has run ([Builder.Made]), which
// it runs first; nil if the test gave none.
func (r *reference) files(ctx context.Context) (fs.FS, error) {
	g, err := r.graph()
	if err != nil || len(g.Steps) == 0 {
		return nil, err
	}
	last := g.Steps[len(g.Steps)-1]
	var files fs.FS
	if img, ok := last.Image(); ok && r.builder.Contents != nil {
		_, files = r.builder.Contents(img.Name, img.Platform)
	} else if !ok && r.builder.Made != nil {
		if files = r.builder.Made(last); files != nil {
			err = r.Evaluate(ctx)
		}
	}
	if files == nil {
		return r.inputFiles(), err
	}
	r.builder.mu.Lock()
	defer r.builder.mu.Unlock()
	r.builder.looked = append(r.builder.looked, last.Name)
	return files, err
}

// inputFiles returns the files that a frontend was given as inputs; nil if the definition is of something else.
func (r *reference) inputFiles() fs.FS {
	var files fstest.MapFS
	for _, dt := range r.def.Def {
		var op pb.Op
		if op.UnmarshalVT(dt) != nil || op.GetSource() != nil || op.GetExec() != nil {
			return nil
		}
		for _, action := range op.GetFile().GetActions() {
			if made := action.GetMkfile(); made != nil {
				if files == nil {
					files = fstest.MapFS{}
				}
				files[within(made.Path)] = &fstest.MapFile{Data: made.Data}
			}
		}
	}
	if files == nil {
		return nil
	}
	return files
}

// BuildKit's errors arrive over its connection as text.
func asText(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("lstat /var/lib/buildkit/somewhere: no such file or directory")
	}
	return errors.New(err.Error())
}

// within returns a path in the form of [fs.FS].
func within(name string) string {
	if name = strings.TrimPrefix(path.Clean("/"+name), "/"); name == "" {
		return "."
	}
	return name
}

func statAt(files fs.FS, name string, err error) (*fstypes.Stat, error) {
	if err != nil {
		return nil, err
	}
	info, err := fs.Stat(files, within(name))
	if err != nil {
		return nil, asText(err)
	}
	return newStat(path.Base(name), info), nil
}

func newStat(name string, info fs.FileInfo) *fstypes.Stat {
	return &fstypes.Stat{Path: name, Mode: uint32(info.Mode()), Size: info.Size()}
}

func listAt(files fs.FS, name string, err error) ([]*fstypes.Stat, error) {
	if err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(files, within(name))
	if err != nil {
		return nil, asText(err)
	}
	var list []*fstypes.Stat
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return nil, asText(err)
		}
		list = append(list, newStat(e.Name(), info))
	}
	return list, nil
}

func readAt(files fs.FS, req gateway.ReadRequest, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	data, err := fs.ReadFile(files, within(req.Filename))
	if err != nil {
		return nil, asText(err)
	}
	if req.Range == nil {
		return data, nil
	}
	if req.Range.Offset < 0 || req.Range.Length < 0 {
		return nil, fmt.Errorf("invalid range for %s", req.Filename)
	}
	data = data[min(req.Range.Offset, len(data)):]
	return data[:min(req.Range.Length, len(data))], nil
}
