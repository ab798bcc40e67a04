package question

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/subrequests"
	"github.com/moby/buildkit/frontend/subrequests/lint"
	"github.com/moby/buildkit/frontend/subrequests/outline"
	"github.com/moby/buildkit/frontend/subrequests/targets"
	"github.com/moby/buildkit/solver/pb"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/printable"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// answerGroup is one answer and its platforms.
type answerGroup struct {
	platforms []string
	text      string // as it is printed
	failure   string // the error of the Dockerfile
	status    int
}

// distinctAnswers groups the platforms whose answers read the same.
func distinctAnswers(c Call, answers []solve.Answer, shown func(solve.Answer) string) ([]answerGroup, error) {
	var groups []answerGroup
	seen := map[string]int{}
	for _, a := range answers {
		g, err := render(c, a.Values, shown(a))
		if err != nil {
			return nil, fmt.Errorf("cannot read the frontend's answer for %s: %w", platform.Format(a.Platform), err)
		}
		key := g.text + "\x00" + g.failure
		i, ok := seen[key]
		if !ok {
			i = len(groups)
			seen[key] = i
			groups = append(groups, g)
		}
		groups[i].platforms = append(groups[i].platforms, platform.Format(a.Platform))
	}
	return groups, nil
}

// render prints one answer, as docker buildx does, with BuildKit's own printers. If the answer's format is newer than the printers,
// the frontend's own text is printed.
func render(c Call, values map[string][]byte, shown string) (g answerGroup, err error) {
	g.status, _ = strconv.Atoi(string(values["result.statuscode"])) // no status means success
	var out strings.Builder
	printer, version := printerOf(c.Question)
	switch raw := values["result.json"]; {
	case c.Question == "lint":
		err = renderLint(&out, c, values, shown, &g)
	case c.JSON:
		fmt.Fprintln(&out, string(raw))
	case printer == nil && values["result.txt"] == nil:
		fmt.Fprintf(&out, "%s\n", raw)
	case printer == nil || newer(string(values["version"]), version) && len(values["result.txt"]) > 0:
		out.Write(values["result.txt"])
	default:
		err = printer(raw, &out)
	}
	g.text = out.String()
	return g, err
}

func printerOf(question string) (printer func([]byte, io.Writer) error, version string) {
	switch question {
	case "outline":
		return outline.PrintOutline, outline.SubrequestsOutlineDefinition.Version
	case "targets":
		return targets.PrintTargets, targets.SubrequestsTargetsDefinition.Version
	case "subrequests.describe":
		return subrequests.PrintDescribe, subrequests.SubrequestsDescribeDefinition.Version
	}
	return nil, ""
}

// renderLint prints the findings of a check. BuildKit knows only the Dockerfile's name, so the user's path is put in its place.
func renderLint(out io.Writer, c Call, values map[string][]byte, shown string, g *answerGroup) error {
	var results lint.LintResults
	if err := json.Unmarshal(values["result.json"], &results); err != nil {
		return err
	}
	if c.JSON {
		fmt.Fprintln(out, string(values["result.json"]))
	} else if n := len(results.Warnings); n == 1 {
		fmt.Fprintln(out, "Check complete, 1 warning has been found!")
	} else if n > 1 {
		fmt.Fprintf(out, "Check complete, %d warnings have been found!\n", n)
	}
	named := func(info *pb.SourceInfo) *pb.SourceInfo {
		if info == nil || shown == "" {
			return info
		}
		renamed := info.CloneVT()
		renamed.Filename = shown
		return renamed
	}
	switch {
	case c.JSON:
	case newer(string(values["version"]), lint.SubrequestLintDefinition.Version) && len(values["result.txt"]) > 0:
		fmt.Fprint(out, string(values["result.txt"]))
	default:
		if err := results.PrintTo(out, named); err != nil {
			return err
		}
	}
	if results.Error != nil {
		var text strings.Builder
		results.PrintErrorTo(&text, named)
		g.failure = strings.TrimSpace(text.String())
		if !c.JSON && len(results.Warnings) > 0 {
			fmt.Fprintln(out)
		}
	} else if len(results.Warnings) == 0 && !c.JSON {
		fmt.Fprintln(out, "Check complete, no warnings found.")
	}
	return nil
}

// newer reports whether version a, "1.2.3", is after b.
func newer(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		x, errA := strconv.Atoi(as[i])
		y, errB := strconv.Atoi(bs[i])
		if errA != nil || errB != nil {
			return false
		}
		if x != y {
			return x > y
		}
	}
	return false
}

// printByPlatform prints differing answers as one JSON object, by platform.
func printByPlatform(out io.Writer, groups []answerGroup, c Call) error {
	all := map[string]json.RawMessage{}
	for _, g := range groups {
		for _, p := range g.platforms {
			all[p] = json.RawMessage(g.text)
		}
	}
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s\n", printable.JSON(data))
	return worst(groups, c)
}

// Metadata returns the content of --metadata-file: the values of the answer by docker buildx's names, or by platform if there are
// several platforms.
func Metadata(answers []solve.Answer) any {
	all := map[string]any{}
	for _, a := range answers {
		values := map[string]any{}
		for key, value := range a.Values {
			values[key] = string(value)
			if key == "result.json" && json.Valid(value) {
				values[key] = json.RawMessage(value)
			}
		}
		if len(answers) == 1 {
			return values
		}
		all[platform.Format(a.Platform)] = values
	}
	return all
}

// Print prints each distinct answer once, with its platforms if there are several. shown returns the user's name of the Dockerfile.
func Print(out io.Writer, c Call, answers []solve.Answer, shown func(solve.Answer) string) error {
	groups, err := distinctAnswers(c, answers, shown)
	if err != nil {
		return err
	}
	if c.JSON && len(groups) > 1 {
		return printByPlatform(out, groups, c)
	}
	for i, g := range groups {
		if len(groups) > 1 {
			if i > 0 {
				fmt.Fprintln(out)
			}
			cli.Putf(out, "%s:\n", strings.Join(g.platforms, ", "))
		}
		fmt.Fprint(out, cli.AsDocument(g.text))
	}
	return worst(groups, c)
}

// worst returns the error of all answers together: an error of a Dockerfile, else the highest status.
func worst(groups []answerGroup, c Call) error {
	var errs []error
	status := 0
	for _, g := range groups {
		if g.failure != "" {
			errs = append(errs, errors.New(g.failure))
		}
		status = max(status, g.status)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if status != 0 && !c.IgnoreStatus {
		return cli.Status(status)
	}
	return nil
}
