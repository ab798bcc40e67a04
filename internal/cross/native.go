package cross

import (
	"cmp"
	"slices"
	"strings"

	"github.com/moby/buildkit/solver/pb"

	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// toNative changes an operation into one for the builder's own platform.
func (r *rewriter) toNative(op *pb.Op, edit recipe.Edit) {
	if op.Platform != nil {
		n := platform.Normalize(r.Native)
		op.Platform = &pb.Platform{Architecture: n.Architecture, OS: n.OS, Variant: n.Variant, OSVersion: n.OSVersion, OSFeatures: n.OSFeatures}
	}
	e := op.GetExec()
	if e == nil {
		return
	}
	if e.Meta != nil {
		e.Meta.Env = editEnv(e.Meta.Env, edit)
		if edit.Args != nil {
			e.Meta.Args = slices.Clone(edit.Args)
		}
	}
	if !r.Isolated {
		return
	}
	for _, mount := range e.Mounts {
		if c := mount.GetCacheOpt(); c != nil {
			if id, ok := strings.CutPrefix(c.ID, platform.Format(r.Target)+"/"); ok {
				c.ID = platform.Format(r.Native) + "/" + id
			}
		}
	}
}

// editEnv applies an edit to a program's environment: in place where the name exists, otherwise at the end, by name.
func editEnv(env []string, edit recipe.Edit) []string {
	name := func(kv string) string { n, _, _ := strings.Cut(kv, "="); return n }
	env = slices.DeleteFunc(slices.Clone(env), func(kv string) bool { return slices.Contains(edit.Unset, name(kv)) })
	added := slices.SortedStableFunc(slices.Values(edit.Env), func(a, b string) int { return cmp.Compare(name(a), name(b)) })
	for _, kv := range added {
		same := func(have string) bool { return name(have) == name(kv) }
		i := slices.IndexFunc(env, same)
		if i < 0 {
			env = append(env, kv)
			continue
		}
		env[i] = kv
		env = slices.Concat(env[:i+1], slices.DeleteFunc(slices.Clone(env[i+1:]), same))
	}
	return env
}
