package builders

import (
	"strings"
	"testing"
	"time"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/google/go-cmp/cmp"
	bkclient "github.com/moby/buildkit/client"
	"github.com/moby/moby/client"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/template"
)

func aBuilder() builder.Status {
	return builder.Status{
		Builder: "b", Driver: "docker-container", Container: "docker-multiarch-b-0", State: "exited", Image: "moby/buildkit:x",
		BuildKit: "v0.33.1", Volume: "docker-multiarch-b-0-state", Fixed: []string{"linux/arm64"}, Flags: []string{"--debug"},
		Options: map[string]string{"memory": "2g"}, Created: time.Unix(1700000000, 0),
	}
}

const aNode = `{"Name":"b0","Driver":"docker-container","Endpoint":"unix:///e","Status":"stopped","Version":"v0.33.1","Platforms":[],"Fixed":["linux/arm64"],` +
	`"DriverOpts":{"memory":"2g"},"Flags":["--debug"],"Image":"moby/buildkit:x","Container":"docker-multiarch-b-0","Volume":"docker-multiarch-b-0-state","Network":"bridge"`

func TestTheFormatsOfBuilderLs(t *testing.T) {
	row := func() *builderLine {
		return lineOf(rowOf(onEngine(builder.Details{Status: aBuilder()}), "unix:///e", "b"))
	}
	object := `{"Name":"b","Driver":"docker-container","Current":true,"Created":"2023-11-14T22:13:20Z","Nodes":[` + aNode + "}]}\n"
	for format, want := range map[string]string{
		"json":                           object,
		"{{json .}}":                     object,
		"{{.Name}} {{.Status}}":          "b stopped\n",
		"{{.DriverEndpoint}}":            "docker-container\n",
		"{{json .Nodes}}":                "[" + aNode + "}]\n",
		"{{.Platforms}}":                 "linux/arm64*\n",
		"table {{.Name}}\t{{.Buildkit}}": "NAME/NODE   BUILDKIT\nb           v0.33.1\n",
	} {
		var out strings.Builder
		if err := cli.WriteRows(&out, format, builderColumns(), []*builderLine{row()}); err != nil {
			t.Errorf("%s: %v", format, err)
		}
		if d := cmp.Diff(want, out.String()); d != "" {
			t.Errorf("%s:\n%s", format, d)
		}
	}
	var out strings.Builder
	if err := cli.WriteRows(&out, "{{.Nam}}", builderColumns(), []*builderLine{row()}); err == nil {
		t.Error("a field that is not there is taken")
	}
}

// onEngine is builder b on the current engine.
func onEngine(details ...builder.Details) described {
	b := cli.EngineBuilder("b")
	return described{Builder: b, nodes: []builder.Inspected{{Endpoint: b.Nodes[0], Managed: true, Details: details}}}
}

func TestABuilderWithTwoContainersIsOneRow(t *testing.T) {
	onHost := aBuilder()
	onHost.OnHost, onHost.State, onHost.Network, onHost.Container = true, "running", "host", "docker-multiarch-b-0-host"
	row := rowOf(onEngine(builder.Details{Status: aBuilder()}, builder.Details{Status: onHost}), "unix:///e", "b")
	if c := lineOf(row); c.Status+" "+c.Network != "running bridge, host" || len(linesOf(row, false, false)) != 1 {
		t.Errorf("it is %+v", c)
	}
	second := details()
	second.Status = onHost
	var out strings.Builder
	if err := inspectText(&out, inspectRow(onEngine(details(), second), "unix:///e", "b")); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"b0\n", "b0-host\n", "docker-multiarch-b-0\n", "docker-multiarch-b-0-host\n"} {
		if strings.Count(out.String(), part) != 1 {
			t.Errorf("%q is not once in\n%s", part, out.String())
		}
	}
}

func details() builder.Details {
	d := builder.Details{
		Status: aBuilder(), RunNetwork: "builder", Tool: "v1", Proxies: map[string]string{"HTTP_PROXY": "http://u:xxxxx@p"},
		Platforms: []ocispecs.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}},
		GCPolicy:  []bkclient.PruneInfo{{All: true, Filter: []string{"type==regular"}, KeepDuration: time.Hour, MaxUsedSpace: 50 << 30}},
		Usage:     &builder.Usage{Total: 3e9, Reclaimable: 1e9}, Disk: &builder.Disk{Total: 250e9, Free: 60e9},
		Config: "[worker.oci]\nx = 1\n", CertHosts: []string{"r"},
	}
	d.State = "running"
	return d
}

func inspected() builderRow {
	row := inspectRow(onEngine(details()), "unix:///e", "default")
	status := emulation.Status{Archs: []emulation.Support{{Arch: "amd64", Mode: emulation.Native}, {Arch: "arm64", Mode: emulation.Emulated}}}
	runs := runsOf(status, row.Nodes[0].Platforms)
	row.Nodes[0].Runs = map[string]string{}
	for _, p := range []string{"linux/amd64", "linux/arm64", "linux/s390x"} {
		row.Nodes[0].Runs[p] = runs[p]
	}
	return row
}

func TestTheJSONOfBuilderInspect(t *testing.T) {
	want := `{"Name":"b","Driver":"docker-container","Current":false,"Created":"2023-11-14T22:13:20Z","Nodes":[` +
		strings.NewReplacer(`"stopped"`, `"running"`, `"Platforms":[]`, `"Platforms":["linux/amd64","linux/arm64"]`).Replace(aNode) +
		`,"Runs":{"linux/amd64":"native","linux/arm64":"emulated","linux/s390x":"none"},"RunNetwork":"builder","ActiveBuilds":0,` +
		`"Cache":{"Total":3000000000,"Reclaimable":1000000000},"Disk":{"Total":250000000000,"Free":60000000000},` +
		`"GCPolicy":[{"all":true,"filter":["type==regular"],"keepDuration":3600000000000,"reservedSpace":0,"maxUsedSpace":53687091200,"minFreeSpace":0}],` +
		`"Proxies":{"HTTP_PROXY":"http://u:xxxxx@p"},"CertHosts":["r"],"UserConfig":false,"Config":"[worker.oci]\nx = 1\n","MadeBy":"v1"}]}` + "\n"
	var out strings.Builder
	if err := cli.WriteRows(&out, "json", builderColumns(), []*builderLine{lineOf(inspected())}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error(d)
	}
}

func TestTheTextOfBuilderInspect(t *testing.T) {
	want := `Name:      b
Driver:    docker-container
Current:   no
Created:   2023-11-14T22:13:20Z

Nodes:
Name:                    b0
Endpoint:                unix:///e
Driver Options:          memory="2g"
Status:                  running
BuildKit daemon flags:   --debug
BuildKit version:        v0.33.1
Image:                   moby/buildkit:x
Container:               docker-multiarch-b-0
Volume:                  docker-multiarch-b-0-state
Network:                 bridge
RUN network:             builder
Platforms:               linux/arm64*, linux/amd64
  native:                linux/amd64
  emulated:              linux/arm64
  none:                  linux/s390x
Active builds:           0
Registry certificates:   r
Proxies:                 HTTP_PROXY="http://u:xxxxx@p"
Cache:                   3GB (1GB reclaimable)
Disk:                    60GB of 250GB free
GC Policy rule#0:
  All:              true
  Filters:          type==regular
  Keep Duration:    1h0m0s
  Max Used Space:   50GiB
File#buildkitd.toml:
  > [worker.oci]
  > x = 1
`
	var out strings.Builder
	if err := inspectText(&out, inspected()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error(d)
	}
}

func TestTheFormatsOfBuilderDu(t *testing.T) {
	used := time.Unix(1700000000, 0)
	records := []*bkclient.UsageInfo{
		{ID: "a", Size: 1000, InUse: true, Shared: true, UsageCount: 2, CreatedAt: used.UTC(), Description: "pulled", RecordType: "regular"},
		{ID: "b", Size: 2000, Mutable: true, Parents: []string{"a"}, CreatedAt: used.UTC(), LastUsedAt: &used},
	}
	for format, want := range map[string]string{
		"json": `{"ID":"a","Parents":null,"CreatedAt":"2023-11-14 22:13:20 +0000 UTC","Mutable":false,"Reclaimable":false,"Shared":true,"Size":"1kB",` +
			`"Description":"pulled","UsageCount":2,"LastUsedAt":"","Type":"regular"}` + "\n" +
			`{"ID":"b","Parents":["a"],"CreatedAt":"2023-11-14 22:13:20 +0000 UTC","Mutable":true,"Reclaimable":true,"Shared":false,"Size":"2kB",` +
			`"Description":"","UsageCount":0,"LastUsedAt":"2 hours ago","Type":""}` + "\n",
		"table":                "ID        RECLAIMABLE   SIZE      LAST ACCESSED\na         false         1kB*      \nb*        true          2kB       2 hours ago\n",
		"{{.ID}}: {{.Size}}":   "a: 1kB\nb: 2kB\n",
		"{{json .UsageCount}}": "2\n0\n",
	} {
		var out strings.Builder
		if err := cli.WriteRows(&out, format, recordColumns(false), recordRows(records, template.IsTable(format), used.Add(2*time.Hour))); err != nil {
			t.Errorf("%s: %v", format, err)
		}
		if d := cmp.Diff(want, out.String()); d != "" {
			t.Errorf("%s:\n%s", format, d)
		}
	}
	var out strings.Builder
	if writeTotals(&out, records); out.String() != "Shared:\t\t1kB\nPrivate:\t2kB\nReclaimable:\t2kB\nTotal:\t\t3kB\n" {
		t.Errorf("%q", out.String())
	}
}

func TestFiltersOfTheCacheAreBuildKits(t *testing.T) {
	for _, tt := range []struct {
		given []string
		rules string
		until time.Duration
	}{
		{nil, "", 0},
		{[]string{"until=24h"}, "", 24 * time.Hour},
		{[]string{"unused-for=1h", "type=regular"}, "type==regular", time.Hour},
		{[]string{"id=abc", "type!=internal", "description~=^pull"}, "description~=^pull,id~=abc,type!=internal", 0},
	} {
		f := client.Filters{}
		for _, g := range tt.given {
			k, v, _ := strings.Cut(g, "=")
			f.Add(k, v)
		}
		got, err := parseCacheFilter(f)
		if d := cmp.Diff([]string{tt.rules}, got.rules); d != "" || got.until != tt.until || err != nil {
			t.Errorf("%q: %v, %v%s", tt.given, got.until, err, d)
		}
	}
	if _, err := parseCacheFilter(client.Filters{}.Add("type", "a", "b")); err == nil {
		t.Error("two values of one filter are taken")
	}
}

// configOf lets the Docker CLI's own function read the filters of a Docker config.
type configOf configfile.ConfigFile

func (c configOf) ConfigFile() *configfile.ConfigFile { return (*configfile.ConfigFile)(&c) }

func TestFiltersOfTheDockerConfigAreAddedAsTheDockerCLIDoes(t *testing.T) {
	configured := []string{"label=keep=yes", "label!=drop", "until=24h", "nothing", "type=regular"}
	for _, given := range []client.Filters{
		{}, client.Filters{}.Add("type", "internal"), client.Filters{}.Add("label!", "keep=yes"), client.Filters{}.Add("label", "drop", "keep=yes"),
	} {
		before := given.Clone()
		want := command.PruneFilters(configOf{PruneFilters: configured}, given)
		if d := cmp.Diff(want, withConfigured(given, configured)); d != "" {
			t.Errorf("%v: %s", given, d)
		}
		if d := cmp.Diff(before, given); d != "" {
			t.Errorf("the command's are changed: %s", d)
		}
	}
}

func TestPlatformsOfATable(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "",
		"linux/amd64*":               "linux/amd64*",
		"linux/amd64,linux/amd64/v2": "linux/amd64 (+1)",
		"linux/arm64*,linux/arm/v7,linux/arm/v6,linux/386,linux/amd64,linux/s390x,linux/ppc64le": "linux/arm64*, linux/arm (+1), linux/386, linux/amd64, (2 more)",
	} {
		var list []string
		if in != "" {
			list = strings.Split(in, ",")
		}
		if got := shortened(list); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}
