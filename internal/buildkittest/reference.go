package buildkittest

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/filesync"
	"github.com/moby/buildkit/session/secrets"
	"github.com/moby/buildkit/session/upload"
	"github.com/moby/buildkit/solver/pb"
	fstypes "github.com/tonistiigi/fsutil/types"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// reference is a definition that may be evaluated.
type reference struct {
	*bridge
	def *pb.Definition
	ran bool
}

// ToState implements gateway.Reference.
func (r *reference) ToState() (llb.State, error) {
	if r.builder.Unreadable {
		return llb.State{}, errors.New("unknown operation")
	}
	op, err := llb.NewDefinitionOp(r.def)
	return llb.NewState(op), err
}

func (r *reference) graph() (graph.Graph, error) {
	def := &llb.Definition{}
	def.FromPB(r.def)
	return graph.Read(def)
}

// Evaluate implements gateway.Reference: it runs the steps, the first time that it is called.
func (r *reference) Evaluate(ctx context.Context) error {
	if r.ran {
		return nil
	}
	r.ran = true
	if r.Platform.OS == "" {
		g, err := r.graph()
		if err == nil {
			r.hold(g)
		}
		return err
	}
	r.snoop(ctx)
	if err := r.builder.Run.call(ctx, r.Platform); err != nil {
		return err
	}
	g, err := r.graph()
	if err != nil {
		return err
	}
	for _, s := range g.Steps {
		if err := r.step(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (r *reference) step(ctx context.Context, s graph.Step) error {
	switch s.Kind {
	case graph.Exec:
		return r.once(ctx, s, func() error {
			r.note(func(v *Solve) { v.Ran = append(v.Ran, s.Name) })
			if err := r.done(s); err != nil {
				return err
			}
			return r.secrets(ctx, s)
		})
	case graph.File, graph.Merge:
		return r.once(ctx, s, func() error { return r.done(s) })
	case graph.Source:
		if strings.HasPrefix(s.Source, "local://") {
			return r.once(ctx, s, func() error {
				r.note(func(v *Solve) { v.Context++ })
				_, err := r.local(ctx, s)
				return err
			})
		}
		op, err := r.policed(ctx, &pb.SourceOp{Identifier: s.Source, Attrs: s.Attrs})
		if err != nil {
			return err
		}
		name := op.Identifier
		if sum := op.Attrs[pb.AttrHTTPChecksum]; sum != "" {
			name += " " + sum
		}
		r.note(func(v *Solve) { v.Sources = append(v.Sources, name) })
	default: // the others do nothing that a test needs
	}
	return nil
}

// done calls the test's hooks for a step.
func (r *reference) done(s graph.Step) error {
	if r.builder.Step == nil {
		return nil
	}
	return r.builder.Step(r.Platform, s.Name)
}

// snoop asks for the secrets of Builder.Snoops, and records those that it gets.
func (j *job) snoop(ctx context.Context) {
	for _, id := range j.builder.Snoops {
		_ = j.ask(ctx, func(caller session.Caller) error {
			data, err := secrets.GetSecret(ctx, caller, id)
			if err == nil {
				j.note(func(v *Solve) { v.Snooped = append(v.Snooped, id+"="+string(data)) })
			}
			return nil
		})
	}
}

// secrets requests the secrets that a step mounts.
func (r *reference) secrets(ctx context.Context, s graph.Step) error {
	for _, m := range s.Mounts {
		if m.Type != "secret" {
			continue
		}
		err := r.ask(ctx, func(caller session.Caller) error {
			data, err := secrets.GetSecret(ctx, caller, m.ID)
			r.note(func(v *Solve) { v.Secrets = append(v.Secrets, m.ID+"="+string(data)) })
			return err
		})
		if err != nil {
			return fmt.Errorf("secret %s: %w", m.ID, err)
		}
	}
	return nil
}

// local fetches a directory of the client from the session that the source names, into a directory of its own.
func (r *reference) local(ctx context.Context, s graph.Step) (string, error) {
	caller, err := r.builder.sessions.Get(ctx, s.Attrs[pb.AttrLocalSessionID], false)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(r.builder.dir, "")
	if err != nil {
		return "", err
	}
	list := func(attr string) (l []string) {
		_ = json.Unmarshal([]byte(s.Attrs[attr]), &l) // an absent attribute means none
		return l
	}
	return dir, filesync.FSSync(ctx, caller, filesync.FSSendRequestOpt{
		Name: strings.TrimPrefix(s.Source, "local://"), DestDir: dir,
		IncludePatterns: list(pb.AttrIncludePatterns), ExcludePatterns: list(pb.AttrExcludePatterns), FollowPaths: list(pb.AttrFollowPaths),
		Filter: func(_ string, st *fstypes.Stat) bool {
			st.Uid, st.Gid = uint32(os.Getuid()), uint32(os.Getgid()) //nolint:gosec // IDs are not negative on systems that have them
			return true
		},
	})
}

// ReadFile implements gateway.Reference: of images and steps, for files of a source, and of an archive that came as an http source.
func (r *reference) ReadFile(ctx context.Context, req gateway.ReadRequest) ([]byte, error) {
	if files, err := r.files(ctx); files != nil || err != nil {
		return readAt(files, req, err)
	}
	g, err := r.graph()
	if err != nil {
		return nil, err
	}
	source := g.Sources()[0]
	if strings.HasPrefix(source.Source, "local://") {
		dir, err := r.local(ctx, source)
		if err != nil {
			return nil, err
		}
		return os.ReadFile(filepath.Join(dir, req.Filename))
	}
	data := []byte(r.builder.Files[source.Source])
	if strings.HasPrefix(source.Source, "http://buildkit-session/") {
		if data, err = r.uploaded(ctx, source.Source); err != nil {
			return nil, err
		}
	}
	if g.Steps[len(g.Steps)-1].Kind == graph.File { // the step unpacks the source
		return fileIn(data, req.Filename)
	}
	if len(data) == 0 || strings.HasSuffix(req.Filename, ".dockerignore") {
		return nil, fmt.Errorf("%s in %s: %w", req.Filename, source.Source, fs.ErrNotExist)
	}
	if req.Range != nil && len(data) > req.Range.Length {
		data = data[:req.Range.Length]
	}
	return data, nil
}

func (r *reference) uploaded(ctx context.Context, source string) ([]byte, error) {
	u, err := url.Parse(source)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	err = r.ask(ctx, func(caller session.Caller) error {
		up, err := upload.New(ctx, caller, u)
		if err == nil {
			_, err = up.WriteTo(&buf)
		}
		return err
	})
	return buf.Bytes(), err
}

func fileIn(archive []byte, name string) ([]byte, error) {
	tr := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := tr.Next()
		if err != nil {
			return nil, errors.Join(err, fs.ErrNotExist)
		}
		if h.Name == name {
			data := make([]byte, h.Size)
			_, err := tr.Read(data)
			if int64(len(data)) == h.Size {
				err = nil
			}
			return data, err
		}
	}
}

// StatFile implements gateway.Reference.
func (r *reference) StatFile(ctx context.Context, req gateway.StatRequest) (*fstypes.Stat, error) {
	if files, err := r.files(ctx); files != nil || err != nil {
		return statAt(files, req.Path, err)
	}
	data, err := r.ReadFile(ctx, gateway.ReadRequest{Filename: req.Path})
	return &fstypes.Stat{Path: req.Path, Size: int64(len(data))}, err
}

// ReadDir implements gateway.Reference.
func (r *reference) ReadDir(ctx context.Context, req gateway.ReadDirRequest) ([]*fstypes.Stat, error) {
	if files, err := r.files(ctx); files != nil || err != nil {
		return listAt(files, req.Path, err)
	}
	return nil, errors.New("no directories here")
}
