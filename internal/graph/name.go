package graph

import (
	"strings"

	"github.com/moby/buildkit/solver/pb"
)

// stageOf takes the stage out of a name that the Dockerfile frontend made, which is its only source: "[build 2/4] RUN make",
// "[linux/arm64 build 2/4] …", "[linux/amd64->arm64 build  2/12] …", and without a stage "[2/4] …" for a Dockerfile of one
// (prefixCommand in dockerfile2llb/convert.go of BuildKit). A platform has a slash and a stage's name has none
// (parseBuildStageName in instructions/parse.go).
func stageOf(name string) string {
	prefix, _, _ := SplitName(name)
	words := strings.Fields(prefix)
	if len(words) < 2 {
		return ""
	}
	stage := words[len(words)-2]
	if strings.Contains(stage, "/") {
		return ""
	}
	return stage
}

// SplitName splits a name that the Dockerfile frontend made into the text in brackets, which ends with a counter such as 2/4, and
// the instruction. For every other name ok is false, and prefix and instruction are "".
func SplitName(name string) (prefix, instruction string, ok bool) {
	prefix, instruction, ok = strings.Cut(name, "] ")
	words := strings.Fields(strings.TrimPrefix(prefix, "["))
	if !ok || !strings.HasPrefix(prefix, "[") || len(words) == 0 || !isCounter(words[len(words)-1]) {
		return "", "", false
	}
	return prefix[1:], instruction, true
}

// isCounter reports whether word is like 2/4.
func isCounter(word string) bool {
	i, n, ok := strings.Cut(word, "/")
	return ok && isNumber(i) && isNumber(n)
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

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
