package graph

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Read returns the steps that def's result is made from. It leaves out the operation at the end, which only names the result. No
// definition, or an empty one, is an image without files and has no steps.
//
// It fails if def is damaged: bytes that are not an operation, a missing input, no end.
func Read(def *llb.Definition) (Graph, error) {
	if def == nil || len(def.Def) == 0 {
		return Graph{}, nil
	}
	r := reader{def: def, ops: make(map[digest.Digest]*pb.Op, len(def.Def)), seen: make(map[digest.Digest]bool, len(def.Def))}
	r.contents = make(map[digest.Digest]digest.Digest, len(def.Def))
	var last *pb.Op
	for i, dt := range def.Def {
		last = &pb.Op{}
		if err := last.UnmarshalVT(dt); err != nil {
			return Graph{}, fmt.Errorf("read operation %d of the build graph: %w", i, err)
		}
		r.ops[digest.FromBytes(dt)] = last
	}
	// As in BuildKit: the last operation does nothing and its first input is the result.
	if last.Op != nil || len(last.Inputs) == 0 {
		return Graph{}, errors.New("read the build graph: it does not end in a result")
	}
	if err := r.visit(digest.Digest(last.Inputs[0].Digest)); err != nil {
		return Graph{}, fmt.Errorf("read the build graph: %w", err)
	}
	return Graph{Steps: r.steps, Texts: texts(def)}, nil
}

func texts(def *llb.Definition) map[string]string {
	found := map[string]string{}
	for _, info := range def.Source.GetInfos() {
		if len(info.GetData()) > 0 {
			found[info.GetFilename()] = string(info.GetData())
		}
	}
	return found
}

type reader struct {
	def   *llb.Definition
	ops   map[digest.Digest]*pb.Op
	seen  map[digest.Digest]bool
	steps []Step
	// contents identify what the steps make; see identify.
	contents map[digest.Digest]digest.Digest
}

// visit adds the step dgst after its inputs. There are no cycles: an operation holds the digests of its inputs, so it cannot be
// its own input.
func (r *reader) visit(dgst digest.Digest) error {
	if r.seen[dgst] {
		return nil
	}
	r.seen[dgst] = true
	op, ok := r.ops[dgst]
	if !ok {
		return fmt.Errorf("operation %s is missing", dgst)
	}
	for _, in := range op.Inputs {
		if err := r.visit(digest.Digest(in.Digest)); err != nil {
			return err
		}
	}
	r.steps = append(r.steps, r.step(dgst, op))
	return nil
}

func (r *reader) step(dgst digest.Digest, op *pb.Op) Step {
	meta := r.def.Metadata[dgst]
	s := Step{Digest: dgst, IgnoreCache: meta.IgnoreCache}
	for _, in := range op.Inputs {
		s.Inputs = append(s.Inputs, digest.Digest(in.Digest))
	}
	if p := op.Platform; p != nil {
		s.Platform = platform.Normalize(ocispecs.Platform{
			OS: p.OS, OSVersion: p.OSVersion, OSFeatures: p.OSFeatures, Architecture: p.Architecture, Variant: p.Variant,
		})
	}
	fill(&s, op)
	s.Root, s.InputPaths = r.inputs(op)
	r.identify(&s, op)
	if name := meta.Description["llb.customname"]; name != "" {
		s.Name = name
		s.Stage = buildkitmsg.Stage(name)
	}
	if s.Places = r.places(dgst); len(s.Places) > 0 {
		s.File, s.Line = s.Places[0].File, s.Places[0].Line
	}
	return s
}

// fill sets the fields of the operation's kind, and a name for a step that the frontend has not named.
func fill(s *Step, op *pb.Op) {
	switch op := op.Op.(type) {
	case *pb.Op_Exec:
		s.Kind = Exec
		fillExec(s, op.Exec)
	case *pb.Op_Source:
		s.Kind = Source
		s.Source, s.Attrs = op.Source.GetIdentifier(), op.Source.GetAttrs()
		s.Name = s.Source
	case *pb.Op_File:
		s.Kind = File
		s.Name = fileName(op.File.GetActions())
	case *pb.Op_Merge:
		s.Kind, s.Name = Merge, "merge"
	case *pb.Op_Diff:
		s.Kind, s.Name = Diff, "diff"
	case *pb.Op_Build:
		s.Kind, s.Name = Build, "build"
	case *pb.Op_Passthrough:
		s.Kind, s.Name = Passthrough, "passthrough "+op.Passthrough.GetId()
	default:
		s.Kind, s.Name = Other, "unknown operation"
	}
}

func fillExec(s *Step, e *pb.ExecOp) {
	s.Args, s.Cwd, s.Env = e.GetMeta().GetArgs(), e.GetMeta().GetCwd(), e.GetMeta().GetEnv()
	s.Network = e.GetNetwork()
	s.Name = execName(s.Args)
	for _, m := range e.GetMounts() {
		if m.GetDest() == pb.RootMount {
			continue
		}
		mount := Mount{Dest: m.GetDest()}
		switch m.GetMountType() {
		case pb.MountType_BIND:
			mount.Type = "bind"
		case pb.MountType_CACHE:
			mount.Type, mount.ID = "cache", m.GetCacheOpt().GetID()
		case pb.MountType_SECRET:
			mount.Type, mount.ID = "secret", m.GetSecretOpt().GetID()
		case pb.MountType_SSH:
			mount.Type, mount.ID = "ssh", m.GetSSHOpt().GetID()
		case pb.MountType_TMPFS:
			mount.Type = "tmpfs"
		default:
			mount.Type = m.GetMountType().String()
		}
		s.Mounts = append(s.Mounts, mount)
	}
	for _, secret := range e.GetSecretenv() {
		s.Mounts = append(s.Mounts, Mount{Type: "secret", ID: secret.GetID()})
	}
}

// places returns the positions of a step, each once and in the order of the lines, or none if the frontend gave none. The
// frontend writes one operation for all instructions that amount to the same.
func (r *reader) places(dgst digest.Digest) []Place {
	var places []Place
	infos := r.def.Source.GetInfos()
	for _, location := range r.def.Source.GetLocations()[dgst.String()].GetLocations() {
		i := int(location.GetSourceIndex())
		if i < 0 || i >= len(infos) {
			continue
		}
		place := Place{File: infos[i].GetFilename()}
		if ranges := location.GetRanges(); len(ranges) > 0 {
			place.Line = int(ranges[0].GetStart().GetLine())
		}
		if !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	slices.SortStableFunc(places, func(a, b Place) int { return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	return places
}
