package buildkittest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
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
	if files != nil {
		r.builder.mu.Lock()
		r.builder.looked = append(r.builder.looked, last.Name)
		r.builder.mu.Unlock()
	}
	return files, err
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
