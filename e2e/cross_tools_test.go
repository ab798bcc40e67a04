//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
)

// fakeGo imitates a Go toolchain. It compiles by copying a program for GOARCH, and prints the machine that it ran on and the
// content of its cache. /how determines whether it works, fails, or makes programs for the wrong machine; /own names its own
// machine.
const fakeGo = `#!/bin/sh
if [ "$1" = mod ]; then
	mkdir -p /go/pkg/mod && head -c 16 /dev/urandom | base64 >/go/pkg/mod/chance
	exit
fi
cpu=${GOARCH:-$(cat /own)} cache=/root/.cache/go-build
case $(cat /how) in
fails) echo "no compiler here" >&2; exit 1 ;;
wrong) cpu=$(cat /own) ;;
esac
while [ $# -gt 0 ]; do [ "$1" != -o ] || out=$2; shift; done
dir=${out%/*}
mkdir -p "$dir" $cache && cp "/programs/$cpu" "$out" && uname -m >"$dir/machine" && cp /go/pkg/mod/chance "$dir" || exit
cat $cache/* >"$dir/seen" 2>/dev/null
echo "$cpu on $(uname -m)" >"$cache/$cpu"
`

// fakeTool is any program that makes files which should be the same on every machine. It prints the machine that it ran on.
const fakeTool = `#!/bin/sh
mkdir -p dist && uname -m >dist/machine
[ ! -e native ] || cp "/programs/$(cat /own)" dist/addon
`

// fakePlatforms are those of the images below. No other story installs an emulator for the last.
const fakePlatforms = "linux/amd64,linux/arm64,linux/arm/v7,linux/mips64le"

// fakeTools returns the name of an image with fake tools; how determines their behaviour on linux/amd64.
func (s *story) fakeTools(how string) string {
	s.Helper()
	dir := s.folder(files{
		"go": fakeGo, "tool": fakeTool, "VERSION": "go1.26.8\n", "go.env": "GOTOOLCHAIN=local\n",
		"zbootstrap.go": "package buildcfg\n\nconst DefaultGOARM = `7`\nconst DefaultGOARM64 = `v8.0`\nconst DefaultGOMIPS64 = `hardfloat`\nconst defaultGO_LDSO = ``\n",
		"how-amd64":     how, "how-arm64": "works", "how-arm": "works", "how-mips64le": "works",
		"Dockerfile": s.onBase("FROM $BASE", "ARG TARGETARCH", "COPY programs /programs", "COPY how-$TARGETARCH /how", "COPY own-$TARGETARCH /own",
			"COPY --chmod=755 go /usr/local/go/bin/go", "COPY VERSION go.env /usr/local/go/", "COPY zbootstrap.go /usr/local/go/src/internal/buildcfg/",
			"COPY --chmod=755 tool /usr/local/bin/npm", "COPY --chmod=755 tool /usr/local/bin/node", "COPY --chmod=755 tool /usr/bin/javac",
			"COPY --chmod=755 tool /usr/bin/hugo", "ENV PATH=/go/bin:/usr/local/go/bin:$PATH GOPATH=/go NODE_VERSION=20.0.0 JAVA_VERSION=21"),
	})
	s.check(os.Mkdir(filepath.Join(dir, "programs"), 0o755))
	for cpu, platform := range map[string]string{"amd64": "amd64", "arm64": "arm64", "arm": "arm/v7", "mips64le": "mips64le"} {
		program := s.read(filepath.Join(s.fixtures(), "static/linux", platform))
		s.check(os.WriteFile(filepath.Join(dir, "programs", cpu), []byte(program), 0o755))
		s.write(filepath.Join(dir, "own-"+cpu), cpu)
	}
	repo := s.repo()
	s.mustBuild("--platform", fakePlatforms, "--verify=off", "--push", "-t", repo, dir)
	return repo
}

// compiled returns a context that compiles with fake tools. how is their behaviour on linux/amd64, flags are those of the step
// that compiles.
func (s *story) compiled(how, flags string) string {
	s.Helper()
	return s.folder(files{"go.mod": "module example.test/" + random() + "\n", "Dockerfile": "FROM " + s.fakeTools(how) + ` AS build
WORKDIR /src
COPY go.mod ./
RUN go mod download
COPY . .
RUN ` + flags + ` CGO_ENABLED=0 go build -o /out/app .

FROM scratch
COPY --from=build /out /
CMD ["/app"]
`})
}
