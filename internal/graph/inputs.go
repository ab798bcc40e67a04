package graph

import (
	"path"
	"slices"

	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
)

// rootInput returns the index of the input whose file system an operation goes on from, or -1 if there is none.
func rootInput(op *pb.Op) int {
	inputs := op.Inputs
	switch op := op.Op.(type) {
	case *pb.Op_Exec:
		for _, m := range op.Exec.GetMounts() {
			if m.GetDest() == pb.RootMount {
				return int(m.GetInput())
			}
		}
	case *pb.Op_File:
		return fileRoot(op.File.GetActions(), len(inputs))
	case *pb.Op_Merge:
		if inputs := op.Merge.GetInputs(); len(inputs) > 0 {
			return int(inputs[0].GetInput()) // the lowest
		}
	}
	return -1
}

// fileRoot follows the action whose outcome is the operation's back to an input. An action may go on from the outcome of an
// earlier one, which has the number inputs + its place.
func fileRoot(actions []*pb.FileAction, inputs int) int {
	i := slices.IndexFunc(actions, func(a *pb.FileAction) bool { return a.GetOutput() >= 0 })
	for i >= 0 && i < len(actions) {
		in := int(actions[i].GetInput())
		if in < inputs || in-inputs >= i {
			return in
		}
		i = in - inputs
	}
	return -1
}

// rootOutput returns the number of the output made from an operation's root. Dockerfiles do not make other outputs, such as that
// of a mount that a program may write to.
func rootOutput(op *pb.Op) int64 {
	switch op := op.Op.(type) {
	case *pb.Op_Exec:
		for _, m := range op.Exec.GetMounts() {
			if m.GetDest() == pb.RootMount {
				return m.GetOutput()
			}
		}
	case *pb.Op_File:
		for _, a := range op.File.GetActions() {
			if a.GetOutput() >= 0 {
				return a.GetOutput()
			}
		}
	}
	return 0
}

// taker collects the paths that an operation takes.
type taker struct {
	inputs []digest.Digest
	others []bool // of inputs: it is not the output made from the input's root
	takes  []InputPath
}

// inputs returns the step that an operation goes on from, if it uses that step's root output, and the other paths that it takes.
func (r *reader) inputs(op *pb.Op) (root digest.Digest, taken []InputPath) {
	var t taker
	for _, in := range op.Inputs {
		d := digest.Digest(in.Digest)
		t.inputs, t.others = append(t.inputs, d), append(t.others, in.Index != rootOutput(r.ops[d]))
	}
	i := rootInput(op)
	switch op := op.Op.(type) {
	case *pb.Op_Exec:
		for _, m := range op.Exec.GetMounts() {
			if m.GetDest() != pb.RootMount {
				t.add(int(m.GetInput()), m.GetSelector(), m.GetDest())
			}
		}
	case *pb.Op_File:
		for _, a := range op.File.GetActions() {
			t.action(a, i)
		}
	default: // layers and unknown operations are taken as a whole
		for k := range t.inputs {
			if k != i {
				t.add(k, "/", "/")
			}
		}
	}
	if i < 0 || i >= len(t.inputs) {
		return "", t.takes
	}
	if t.others[i] {
		t.add(i, "/", "/")
		return "", t.takes
	}
	return t.inputs[i], t.takes
}

// add adds a path of the i-th input. It ignores an index that is not an input, since an action may also take from earlier actions.
func (t *taker) add(i int, p, dest string) {
	if i < 0 || i >= len(t.inputs) {
		return
	}
	take := InputPath{Input: t.inputs[i], Path: path.Clean("/" + p)}
	if t.others[i] {
		take.Path = "/"
	}
	if dest != "" {
		take.Dest = path.Clean("/" + dest)
	}
	if !slices.Contains(t.takes, take) {
		t.takes = append(t.takes, take)
	}
}

func (t *taker) action(a *pb.FileAction, root int) {
	if in := int(a.GetInput()); in != root {
		t.add(in, "/", "/")
	}
	if c := a.GetCopy(); c != nil {
		t.add(int(a.GetSecondaryInput()), c.GetSrc(), c.GetDest())
	}
	var owners []*pb.ChownOpt
	switch a := a.GetAction().(type) {
	case *pb.FileAction_Copy:
		owners = append(owners, a.Copy.GetOwner())
	case *pb.FileAction_Mkfile:
		owners = append(owners, a.Mkfile.GetOwner())
	case *pb.FileAction_Mkdir:
		owners = append(owners, a.Mkdir.GetOwner())
	case *pb.FileAction_Symlink:
		owners = append(owners, a.Symlink.GetOwner())
	}
	for _, o := range owners { // BuildKit looks a name up in an input, which is the root almost always
		if name := o.GetUser().GetByName(); name != nil && int(name.GetInput()) != root {
			t.add(int(name.GetInput()), "/etc/passwd", "")
		}
		if name := o.GetGroup().GetByName(); name != nil && int(name.GetInput()) != root {
			t.add(int(name.GetInput()), "/etc/group", "")
		}
	}
}
