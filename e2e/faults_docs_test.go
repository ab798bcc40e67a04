//go:build e2e

package e2e

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

var update = flag.Bool("update", false, "write the tables of docs/registries.md")

// outcome is a fault outside the registry, with words of the message and what the program did.
type outcome struct{ kind, sees, did string }

var (
	loginRevoked    = outcome{"login revoked before the tag moves", "docker login", "fails with status 4; no tag moves"}
	silentUpload    = outcome{"upload of a layer that hangs for ever", "neither received anything nor answered", "ends it after a minute and pushes again without building again, else fails with status 4"}
	busyForLong     = outcome{"429 or 503 for longer than BuildKit tries", "", "pushes again without building again"}
	tokenExpired    = outcome{"token expired during the push", "", "gets another token"}
	interrupted     = outcome{"Ctrl-C or SIGTERM at any request", "interrupted", "ends with status 130 or 143; no tag moves once it is asked to end"}
	clientKilled    = outcome{"SIGKILL of the client at any request", "", "removes temporary files with the next command"}
	clientDiskFull  = outcome{"full disk of the client", "no space left on device", "fails with status 1; no tag moves, no part of a file stays"}
	builderDiskFull = outcome{"full disk of the builder", "no space left on device", "fails with status 1; no tag moves"}
	stepOutOfMemory = outcome{"step out of memory", "more memory", "fails with status 1; no tag moves"}
	engineGone      = outcome{"engine gone in a step or in the export", "ERROR: ", "fails with status 1; no tag moves, and the builder ends the steps"}
	engineDiskFull  = outcome{"full disk of the engine that an image is loaded into", "no space left on device", "fails with status 1; no tag moves, nothing of the image stays"}

	clientKilledAtWork = outcome{"SIGKILL of the client in a step, in a test, in the load or before the tags", "", "removes its containers and images from the engine with the next command"}
	builderKilled      = outcome{"buildkitd killed before the push has ended, or in the load", "its container ended with status 137", "fails with status 1; no tag moves, and the next build starts the builder"}
	builderKilledLate  = outcome{"buildkitd killed in a test or before the tags", "", "needs no builder any more, and succeeds"}
	builderOutOfMemory = outcome{"buildkitd out of memory", "its container ran out of memory", "fails with status 1; no tag moves"}
	engineKilled       = outcome{"engine killed in the push, in the load or in a test", "cannot reach the docker engine", "fails with status 1; no tag moves, and the next command removes what was loaded"}
	engineKilledLate   = outcome{"engine killed and started again before the tags", "", "moves the tags, names the image on the engine, and succeeds"}
)

// machineFaults are all of them.
var machineFaults = []outcome{
	tokenExpired, loginRevoked, busyForLong, silentUpload, interrupted, clientKilled, clientDiskFull, builderDiskFull, engineDiskFull, stepOutOfMemory, builderOutOfMemory,
	builderKilled, builderKilledLate, engineGone, engineKilled, engineKilledLate, clientKilledAtWork,
}

func TestTheTablesOfQuirksAndFaultsAreInTheDocuments(t *testing.T) {
	const file = "../docs/registries.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for name, table := range map[string]string{"quirks": quirksTable(), "builders": faultsTable()} {
		begin, end := "<!-- "+name+", written by: go test -tags e2e ./e2e -run TestTheTables -update -->\n", "<!-- end of "+name+" -->\n"
		before, rest, found := strings.Cut(page, begin)
		old, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Fatalf("%s has no place for the table of %s", file, name)
		}
		if old != table && !*update {
			t.Errorf("the table of %s is not up to date; write it with: go test -tags e2e ./e2e -run TestTheTables -update\n%s", name, table)
		}
		page = before + begin + table + end + after
	}
	if *update {
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func quirksTable() string {
	var b strings.Builder
	b.WriteString("| the registry | `build --push` |\n|---|---|\n")
	for _, quirk := range faultregistry.Quirks {
		result := "works"
		if words := unpushable[quirk.Name]; words != "" {
			result = "fails in BuildKit: " + words
		}
		fmt.Fprintf(&b, "| %s | %s |\n", quirk.Means, result)
	}
	return b.String()
}

func faultsTable() string {
	var b strings.Builder
	b.WriteString("| fault | at | what you see | what the build does |\n|---|---|---|---|\n")
	for _, f := range faults() {
		var places []string
		for _, at := range f.at {
			places = append(places, at.name)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.kind, strings.Join(places, ", "), seen(f.sees), f.did)
	}
	for _, o := range machineFaults {
		fmt.Fprintf(&b, "| %s | | %s | %s |\n", o.kind, seen(o.sees), o.did)
	}
	return b.String()
}

func seen(words string) string {
	if words == "" {
		return "no error"
	}
	return "`" + strings.TrimSpace(words) + "`"
}
