package recipe_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
)

const build = "go build -o /out/app ."

var cgoOff = []string{"CGO_ENABLED=0"}

func TestEachPortGetsTheEnvironmentOfItsOwnToolchain(t *testing.T) {
	for target, want := range map[string][]string{
		"linux/arm64":    {"GOOS=linux", "GOARCH=arm64", "GOARM64=v8.0"},
		"linux/arm/v7":   {"GOOS=linux", "GOARCH=arm", "GOARM=7"},
		"linux/arm/v6":   {"GOOS=linux", "GOARCH=arm", "GOARM=7"}, // from the toolchain's build, not from the platform's name
		"linux/386":      {"GOOS=linux", "GOARCH=386", "GO386=sse2"},
		"linux/riscv64":  {"GOOS=linux", "GOARCH=riscv64", "GORISCV64=rva20u64"},
		"linux/ppc64le":  {"GOOS=linux", "GOARCH=ppc64le", "GOPPC64=power8"},
		"linux/mips64le": {"GOOS=linux", "GOARCH=mips64le", "GOMIPS64=hardfloat"},
		"linux/mipsle":   {"GOOS=linux", "GOARCH=mipsle", "GOMIPS=hardfloat"},
		"linux/s390x":    {"GOOS=linux", "GOARCH=s390x"},
		"linux/loong64":  {"GOOS=linux", "GOARCH=loong64"},
	} {
		st := stage{runs: []string{"go mod download", build}, target: target, env: cgoOff}.build(t)
		edits, why := judge(t, st)
		if why.Found() {
			t.Errorf("%s stays: %+v", target, why)
			continue
		}
		if _, edited := edits[st.Steps[0].Digest]; edited {
			t.Errorf("%s: go mod download is edited, so that platforms do not share it", target)
		}
		if diff := cmp.Diff(recipe.Edit{Env: want}, edits[st.Steps[1].Digest]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", target, diff)
		}
	}
}

func TestSettingsOfTheAuthorStay(t *testing.T) {
	for _, tt := range []struct {
		env  []string
		run  string
		want []string
	}{
		{[]string{"GOOS=linux", "GOARCH=arm", "GOARM=6"}, build, []string{"GOARCH=arm"}},
		{[]string{"GOARM=5"}, build, []string{"GOOS=linux", "GOARCH=arm"}},
		{[]string{"GOARCH="}, build, []string{"GOOS=linux", "GOARCH=arm", "GOARM=7"}},
		{nil, "GOARM=6 " + build, []string{"GOOS=linux", "GOARCH=arm", "GOARM=7"}}, // the command's own setting wins
	} {
		st := stage{runs: []string{tt.run}, target: "linux/arm/v7", env: append(tt.env, cgoOff...)}.build(t)
		edits, why := judge(t, st)
		if diff := cmp.Diff(tt.want, edits[st.Steps[0].Digest].Env); diff != "" || why.Found() {
			t.Errorf("%v %s: %+v (-want +got):\n%s", tt.env, tt.run, why, diff)
		}
	}
}

func TestTheTargetsOwnDefaultsAreFound(t *testing.T) {
	const boot, goEnv, user = "/usr/local/go/src/internal/buildcfg/zbootstrap.go", "/usr/local/go/go.env", "/root/.config/go/env"
	for _, tt := range []struct {
		name          string
		files, native map[string]string // files of both platforms; files of the builder's own platform only
		env           []string
		want, check   string
	}{
		{name: "of the toolchain", files: map[string]string{boot: fmt.Sprintf(zbootstrap, "6")}, want: "GOARM=6"},
		{name: "not the builder's", native: map[string]string{boot: fmt.Sprintf(zbootstrap, "5")}, want: "GOARM=7"},
		{name: "go.env", files: map[string]string{goEnv: "GOARM=6\n"}, native: map[string]string{goEnv: "GOARM=7\n"}, want: "GOARM=6"},
		{name: "go env -w in the image", files: map[string]string{user: "GOARM=5\n"}, want: "GOARM=5"},
		{name: "no constants", files: map[string]string{boot: ""}, check: "env"},
		{name: "no constants, and the author's own", files: map[string]string{boot: ""}, env: []string{"GOARM=7"}, want: ""},
		{name: "other experiments", native: map[string]string{boot: strings.ReplaceAll(fmt.Sprintf(zbootstrap, "7"), "GOEXPERIMENT = ``", "GOEXPERIMENT = `x`")}, check: "env"},
		{name: "an older toolchain", files: map[string]string{boot: "const defaultGOARM = `6`\n"}, want: "GOARM=6"},
		{name: "other flags in go.env", native: map[string]string{goEnv: "GOFLAGS=-trimpath\n"}, check: "base"},
		{name: "other flags of the user", native: map[string]string{user: "GOFLAGS=-trimpath\n"}, check: "base"},
		{name: "another version", native: map[string]string{"/usr/local/go/VERSION": "go1.26.7\n"}, check: "base"},
		{name: "no release", files: map[string]string{"/usr/local/go/VERSION": "devel go1.27-abc\n"}, check: "base"},
		{name: "a toolchain that may change", env: []string{"GOTOOLCHAIN=auto"}, check: "env"},
		{name: "a toolchain that may change, and the author's own", env: []string{"GOTOOLCHAIN=auto", "GOARM=7"}},
		{name: "the author's other platform", env: []string{"GOARCH=amd64"}, check: "author"},
		{name: "another Go before it", env: []string{"PATH=/opt/go1.20/bin:/usr/local/go/bin:/usr/bin:/bin"}, check: "base"},
		{name: "its own programs before it", env: []string{"PATH=/go/bin:/usr/local/go/bin:/usr/bin:/bin"}, want: "GOARM=7"},
	} {
		st := stage{runs: []string{build}, target: "linux/arm/v7", env: append(slices.Clone(cgoOff), tt.env...), files: tt.files, native: tt.native}.build(t)
		edits, why := judge(t, st)
		got := ""
		for _, kv := range edits[st.Steps[0].Digest].Env {
			if strings.HasPrefix(kv, "GOARM=") {
				got = kv
			}
		}
		if got != tt.want || why.Check != tt.check {
			t.Errorf("%s: %q, %q (%s), want %q, %q", tt.name, got, why.Check, why.Message, tt.want, tt.check)
		}
	}
}

func TestBaseImagesThatAreNotTheSame(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(native, target *recipe.Image)
		check  string
	}{
		{"the same", func(_, _ *recipe.Image) {}, ""},
		{"another variable", func(n, _ *recipe.Image) { n.Config.Env = append(slices.Clone(n.Config.Env), "X=1") }, "base"},
		{"another value", func(_, i *recipe.Image) { i.Config.Env = append(slices.Clone(i.Config.Env), "GOLANG_VERSION=1.25") }, "base"},
		{"GOARM", func(_, i *recipe.Image) { i.Config.Env = append(slices.Clone(i.Config.Env), "GOARM=7") }, ""},
		{"another user", func(n, _ *recipe.Image) { n.Config.User = "app" }, "base"},
		{"another directory", func(n, _ *recipe.Image) { n.Config.WorkingDir = "/x" }, "base"},
		{"no Go here", func(n, _ *recipe.Image) { n.Files["/usr/local/go/bin/go"] = recipe.File{} }, "no-recipe"},
		{"not looked at", func(n, _ *recipe.Image) { delete(n.Files, "/usr/local/go/VERSION") }, "base"},
		{"what leaves was not looked at", func(n, _ *recipe.Image) { delete(n.Files, "/out/app") }, "base"},
		{"what leaves is in one of them", func(n, _ *recipe.Image) { n.Files["/out/app"] = recipe.File{Exists: true, Holds: true} }, "leaves-base"},
	} {
		st := stage{runs: []string{build}, env: cgoOff, leaves: []string{"/out/app"}}.build(t)
		tt.change(st.Base.Native, st.Base.Target)
		if _, why := judge(t, st); why.Check != tt.check {
			t.Errorf("%s: %q (%s), want %q", tt.name, why.Check, why.Message, tt.check)
		}
	}
	st := stage{runs: []string{build}, env: cgoOff}.build(t)
	st.Base = recipe.Base{Target: st.Base.Target, Reason: "has no image for linux/amd64"}
	if _, why := judge(t, st); why.Message != "its base image has no image for linux/amd64" {
		t.Errorf("%+v", why)
	}
}

func TestCgoNeedsAWordOrNoCompiler(t *testing.T) {
	gcc := map[string]string{"/usr/bin/gcc": "\x7fELF"}
	for _, tt := range []struct {
		name string
		st   stage
		ok   bool
	}{
		{"no compiler", stage{runs: []string{build}}, true},
		{"no compiler, a harmless package", stage{runs: []string{"apk add --no-cache git tzdata~2024 && " + build}}, true},
		{"no compiler, a package", stage{runs: []string{"apk add pkgconf libfoo-dev && " + build}}, false},
		{"a package in a step before", stage{runs: []string{"apt-get install -y librdkafka-dev", build}}, false},
		{"a compiler", stage{runs: []string{build}, files: gcc}, false},
		{"a compiler on the builder's platform", stage{runs: []string{build}, native: gcc}, false},
		{"a compiler, and ENV", stage{runs: []string{build}, files: gcc, env: cgoOff}, true},
		{"a compiler, and a word of the command", stage{runs: []string{"CGO_ENABLED=0 " + build}, files: gcc}, true},
		{"a compiler, and export", stage{runs: []string{"export CGO_ENABLED=0; go vet ./...; " + build}, files: gcc}, true},
		{"a compiler, and one of two", stage{runs: []string{"CGO_ENABLED=0 go build -o /out/a ./a && go build -o /out/b ./b"}, files: gcc}, false},
		{"a compiler, and go.env", stage{runs: []string{build}, files: map[string]string{"/usr/bin/cc": "", "/usr/local/go/go.env": "CGO_ENABLED=0\n"}}, true},
		{"an old Go", stage{runs: []string{build}, files: map[string]string{"/usr/local/go/VERSION": "go1.19.8"}}, false},
		{"another PATH", stage{runs: []string{build}, env: []string{"PATH=/usr/local/go/bin:/opt/llvm/bin:/usr/bin:/bin"}}, false},
		{"CC", stage{runs: []string{build}, env: []string{"CC=musl-gcc"}}, false},
		{"go vet", stage{runs: []string{"go vet ./...", "CGO_ENABLED=0 " + build}, files: gcc}, false},
		{"go list", stage{runs: []string{"CGO_ENABLED=0 go build -o /out/ $(CGO_ENABLED=0 go list ./...)"}, files: gcc}, true},
		{"named, a compiler", stage{runs: []string{"make"}, files: gcc, named: true}, false},
		{"named, no compiler", stage{runs: []string{"make"}, named: true}, true},
	} {
		_, why := judge(t, tt.st.build(t))
		if (!why.Found()) != tt.ok || !tt.ok && why.Check != "cgo" {
			t.Errorf("%s: %+v", tt.name, why)
		}
	}
}

func TestForeignFilesOverTheBaseImage(t *testing.T) {
	for _, tt := range []struct {
		at    string
		env   []string
		check string
	}{
		{"/", cgoOff, "base"},
		{"/usr", cgoOff, "base"},
		{"/usr/local/go", cgoOff, "base"},
		{"/usr/local/go/bin/go", cgoOff, "base"},
		{"/usr/local/bin/tool", cgoOff, ""},
		{"/usr/local/bin/tool", nil, "cgo"},
		{"/usr/local/got", nil, ""},
		{"/src", nil, ""},
	} {
		st := stage{runs: []string{build}, env: tt.env, leaves: []string{"/out/app"}}.build(t)
		st.ForeignPaths = []string{tt.at}
		if _, why := judge(t, st); why.Check != tt.check {
			t.Errorf("%s with %v: %q (%s), want %q", tt.at, tt.env, why.Check, why.Message, tt.check)
		}
	}
}

func TestOnlyFilesThatTheStepsMadeMayBeCopied(t *testing.T) {
	certs := map[string]string{"/etc/ssl/certs/ca-certificates.crt": "x", "/usr/local/lib/x.so": "x", "/data/x": "x"}
	for _, tt := range []struct{ leave, run, check string }{
		{"/out/app", build, ""},
		{"/usr/local/bin/app", "go build -o /usr/local/bin/app", ""},
		{"/usr/bin/app", "apk add git && go build -o /usr/bin/app", ""},
		{"/usr/bin/app", "apk add git && go build -o app && mv app /usr/bin/app", "leaves-packages"},
		{"/usr/local/bin/app", "apk add git && go build -o app && mv app /usr/local/bin/app", ""},
		{"/out/*.so", build, ""},
		{"/src", build, ""},
		{"/go/bin/app", "go install .", ""},
		{"/", build, "leaves-base"},
		{"/*", build, "leaves-base"},
		{"/etc/ssl/certs/ca-certificates.crt", build, "leaves-base"},
		{"/etc/ssl", build, "leaves-base"},
		{"/usr/local/lib/*.so", build, "leaves-base"},
		{"/data", build, "leaves-base"},
		{"/etc/ssl/certs/new.crt", "apk add ca-certificates && " + build, "leaves-packages"},
		{"/usr/share/zoneinfo", "apk add tzdata && " + build, "leaves-packages"},
		{"/usr/share/zoneinfo", "cp /x /usr/share/zoneinfo && " + build, ""},
		{"/etc/localtime", "cp /usr/share/zoneinfo/UTC /etc/localtime && " + build, "leaves-packages"},
		{"/usr/local/go", build, "leaves-base"},
		{"/usr/local/go/lib/time/zoneinfo.zip", build, "leaves-base"},
		{"/go", build, "leaves-base"},
		{"/go/pkg/mod", build, "leaves-base"},
		{"/root", build, "leaves-base"},
		{"/root/.cache/go-build", build, "leaves-base"},
		{"/home/app", build, "leaves-base"},
		{"/home/app/bin", build, ""},
		{"/tmp/cache", "GOCACHE=/tmp/cache go build -o /out/app", "leaves-base"},
	} {
		for _, named := range []bool{false, true} {
			st := stage{runs: []string{tt.run}, env: cgoOff, leaves: []string{tt.leave}, files: certs, named: named}.build(t)
			if _, why := judge(t, st); why.Check != tt.check {
				t.Errorf("%s after %s: %q (%s), want %q", tt.leave, tt.run, why.Check, why.Message, tt.check)
			}
		}
	}
}

func TestANamedRecipeTakesUnknownCommandsForSafe(t *testing.T) {
	for run, ok := range map[string]bool{
		"make build": true, "npm ci && " + build: true, "./build.sh": true, "eval x; " + build: true, "ARCH=$(uname -m) && " + build: true,
		"echo $TARGETARCH; " + build: true, "go generate && " + build: true, "sh build.sh": true,
		"go build -race": false, "CGO_ENABLED=1 make": false, "GOARCH=amd64 go build": false, "cp /etc/passwd /out/ && " + build: false,
	} {
		st := stage{runs: []string{run}, env: append([]string{"TARGETARCH=arm64"}, cgoOff...), named: true}.build(t)
		edits, why := judge(t, st)
		if (!why.Found()) != ok {
			t.Errorf("%s: %+v", run, why)
		}
		if ok && len(edits) != 1 {
			t.Errorf("%s is not given the target's environment", run)
		}
	}
}
