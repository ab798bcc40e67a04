package graph

import (
	"strings"

	"github.com/moby/buildkit/solver/pb"
)

// execName returns the Dockerfile's spelling of a program's arguments.
func execName(args []string) string {
	if len(args) == 3 && args[1] == "-c" {
		args = args[2:]
	}
	return oneLine("RUN " + strings.Join(args, " "))
}

func fileName(actions []*pb.FileAction) string {
	names := make([]string, 0, len(actions))
	for _, action := range actions {
		switch a := action.GetAction().(type) {
		case *pb.FileAction_Copy:
			names = append(names, "COPY "+a.Copy.GetSrc()+" "+a.Copy.GetDest())
		case *pb.FileAction_Mkfile:
			names = append(names, "mkfile "+a.Mkfile.GetPath())
		case *pb.FileAction_Mkdir:
			names = append(names, "mkdir "+a.Mkdir.GetPath())
		case *pb.FileAction_Rm:
			names = append(names, "rm "+a.Rm.GetPath())
		case *pb.FileAction_Symlink:
			names = append(names, "symlink "+a.Symlink.GetNewpath()+" -> "+a.Symlink.GetOldpath())
		}
	}
	return oneLine(strings.Join(names, ", "))
}

// oneLine keeps the first line, with a mark if there are more.
func oneLine(s string) string {
	if first, _, more := strings.Cut(strings.TrimSpace(s), "\n"); more {
		return first + "…"
	}
	return strings.TrimSpace(s)
}
