package source

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

var amd64 = platform.Platform{OS: "linux", Architecture: "amd64"}

// archive returns a tar with one empty file.
func archive() string {
	block := make([]byte, 512)
	copy(block, "Dockerfile")
	copy(block[100:], "0000644\x000000000\x000000000\x0000000000000\x0000000000000\x00        0")
	copy(block[257:], "ustar\x0000")
	sum := 0
	for _, b := range block {
		sum += int(b)
	}
	copy(block[148:], []byte{'0', byte('0' + sum>>12&7), byte('0' + sum>>9&7), byte('0' + sum>>6&7), byte('0' + sum>>3&7), byte('0' + sum&7), 0, ' '})
	return string(block) + strings.Repeat("\x00", 1024)
}

func zipped(s string) string {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return buf.String()
}

// inProject makes a directory with some contexts in it; it becomes the working directory.
func inProject(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "app/Dockerfile", "FROM scratch\n")
	write(t, dir, "app/other.Dockerfile", "FROM scratch\n")
	write(t, dir, "lower/dockerfile", "FROM scratch\n")
	write(t, dir, "empty/x", "")
	write(t, dir, "github.com/me/app/Dockerfile", "FROM scratch\n")
	write(t, dir, "x.tar", archive())
	t.Chdir(dir)
}

func TestSourcesFromTheUsersWords(t *testing.T) {
	for name, tt := range map[string]struct {
		opt         Options
		dirs, attrs map[string]string // SPOOL stands for a spooled file's directory
		contextDir  string
		spooled     string
	}{
		"a directory": {
			Options{Context: "app"}, map[string]string{"context": "app", "dockerfile": "app"}, map[string]string{"filename": "Dockerfile"}, "app", "",
		},
		"a lower-case dockerfile": {
			Options{Context: "lower"}, map[string]string{"context": "lower", "dockerfile": "lower"}, map[string]string{"filename": "dockerfile"}, "lower", "",
		},
		"-f from the working directory": {
			Options{Context: "empty", Dockerfile: "app/other.Dockerfile"},
			map[string]string{"context": "empty", "dockerfile": "app"},
			map[string]string{"filename": "other.Dockerfile"},
			"empty", "",
		},
		"-f -": {
			Options{Context: "empty", Dockerfile: "-", Stdin: strings.NewReader("FROM a\n")},
			map[string]string{"context": "empty", "dockerfile": "SPOOL"},
			map[string]string{"filename": "Dockerfile", "dockerfilekey": "dockerfile"},
			"empty", "FROM a\n",
		},
		"a Dockerfile on standard input": {
			Options{Context: "-", Stdin: strings.NewReader("FROM a\n")},
			map[string]string{"context": "SPOOL", "dockerfile": "SPOOL"},
			map[string]string{"filename": "Dockerfile", "dockerfilekey": "dockerfile"},
			"", "FROM a\n",
		},
		"a tar on standard input": {
			Options{Context: "-", Stdin: strings.NewReader(archive())}, map[string]string{}, map[string]string{"context": spoolURL}, "", archive(),
		},
		"a zipped tar on standard input, and -f in it": {
			Options{Context: "-", Dockerfile: "deploy/Dockerfile", Stdin: strings.NewReader(zipped(archive()))},
			map[string]string{},
			map[string]string{"context": spoolURL, "filename": "deploy/Dockerfile"},
			"", zipped(archive()),
		},
		"a git URL": {
			Options{Context: "https://github.com/me/app.git#v1:sub"}, map[string]string{}, map[string]string{"context": "https://github.com/me/app.git#v1:sub"}, "", "",
		},
		"a git URL as git clone has it, and -f in it": {
			Options{Context: "git@github.com:me/app.git", Dockerfile: "a/Dockerfile"},
			map[string]string{},
			map[string]string{"context": "git@github.com:me/app.git", "filename": "a/Dockerfile"},
			"", "",
		},
		"a short git URL": {
			Options{Context: "github.com/you/app"}, map[string]string{}, map[string]string{"context": "github.com/you/app"}, "", "",
		},
		"a directory named like one": {
			Options{Context: "github.com/me/app"},
			map[string]string{"context": "github.com/me/app", "dockerfile": "github.com/me/app"},
			map[string]string{"filename": "Dockerfile"},
			"github.com/me/app", "",
		},
		"an http URL, and -f - for it": {
			Options{Context: "https://example.com/app.tar.gz", Dockerfile: "-", Stdin: strings.NewReader("FROM a\n")},
			map[string]string{"dockerfile": "SPOOL"},
			map[string]string{"context": "https://example.com/app.tar.gz", "filename": "Dockerfile", "dockerfilekey": "dockerfile"},
			"", "FROM a\n",
		},
		"named contexts": {
			Options{Context: "app", Named: map[string]string{
				"lib": "lower", "context": "empty", "alpine": "docker-image://alpine:3", "src": "https://github.com/me/lib.git", "base": "target:base",
			}},
			map[string]string{"context": "app", "dockerfile": "app", "lib": "lower", "_context": "empty"},
			map[string]string{
				"filename": "Dockerfile", "context:lib": "local:lib", "context:context": "local:_context", "context:alpine": "docker-image://alpine:3",
				"context:src": "https://github.com/me/lib.git", "context:base": "target:base",
			},
			"app", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			inProject(t)
			temp := t.TempDir()
			t.Setenv("TMPDIR", temp)
			src, release, err := Open(t.Context(), tt.opt)
			if err != nil {
				t.Fatal(err)
			}
			file := src.Spool
			for name, dir := range src.Dirs {
				if strings.HasPrefix(dir, temp) {
					src.Dirs[name] = "SPOOL"
					if name == "dockerfile" {
						file = filepath.Join(dir, src.Dockerfile.Name)
					}
				}
			}
			if diff := cmp.Diff(tt.dirs, src.Dirs); diff != "" {
				t.Errorf("directories (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.attrs, src.FrontendAttrs(amd64)); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
			if src.ContextDir != tt.contextDir {
				t.Errorf("context directory %q, want %q", src.ContextDir, tt.contextDir)
			}
			if tt.spooled != "" {
				if data, err := os.ReadFile(file); err != nil || string(data) != tt.spooled {
					t.Errorf("spooled %d bytes, want %d; %v", len(data), len(tt.spooled), err)
				}
			}
			release()
			if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
				t.Errorf("left in the temporary directory: %v, %v", left, err)
			}
		})
	}
}

// broken is a standard input that fails after some data.
type broken struct{ after string }

func (b *broken) Read(p []byte) (int, error) {
	n := copy(p, b.after)
	b.after = b.after[n:]
	if n == 0 {
		return 0, errors.New("connection lost")
	}
	return n, nil
}

func TestSourcesThatCannotBeAreRefusedInWords(t *testing.T) {
	for name, tt := range map[string]struct {
		opt  Options
		want string
	}{
		"no such directory": {Options{Context: "nothing"}, `the build context "nothing" does not exist: give a directory, a git or http URL, or -`},
		"a file":            {Options{Context: "x.tar"}, `"x.tar" is not a directory`},
		"no Dockerfile":     {Options{Context: "empty"}, `there is no Dockerfile at "empty/Dockerfile"`},
		"-f names nothing":  {Options{Context: "app", Dockerfile: "nothing"}, `there is no Dockerfile at "nothing"`},
		"-f names a directory": {
			Options{Context: "app", Dockerfile: "empty"}, `the Dockerfile "empty" is a directory`,
		},
		"nothing on standard input": {Options{Context: "-", Stdin: strings.NewReader("")}, "standard input is empty"},
		"standard input twice": {
			Options{Context: "-", Dockerfile: "-", Stdin: strings.NewReader("x")}, "standard input cannot be both the build context and the Dockerfile",
		},
		"a Dockerfile on standard input and another": {
			Options{Context: "-", Dockerfile: "app/Dockerfile", Stdin: strings.NewReader("FROM a\n")}, `but another one is named: "app/Dockerfile"`,
		},
		"standard input breaks off at once":   {Options{Context: "-", Stdin: &broken{}}, "standard input cannot be read: connection lost"},
		"standard input breaks off later":     {Options{Context: "-", Stdin: &broken{archive()}}, "standard input cannot be saved to a temporary file: connection lost"},
		"a Dockerfile that breaks off":        {Options{Context: "app", Dockerfile: "-", Stdin: &broken{"FROM"}}, "the Dockerfile on standard input cannot be read: connection lost"},
		"a named context that does not exist": {Options{Context: "app", Named: map[string]string{"lib": "nothing"}}, `the named context lib=nothing: "nothing" is not a directory, a URL, docker-image://…, oci-layout://… or target:…`},
		"a layout that does not exist":        {Options{Context: "app", Named: map[string]string{"l": "oci-layout://nothing"}}, `the named context l=oci-layout://nothing: the OCI layout "nothing" cannot be read`},
		"a layout without the tag":            {Options{Context: "app", Named: map[string]string{"l": "oci-layout://app:v9"}}, `the OCI layout "app" `},
	} {
		t.Run(name, func(t *testing.T) {
			inProject(t)
			temp := t.TempDir()
			t.Setenv("TMPDIR", temp)
			_, release, err := Open(t.Context(), tt.opt)
			if err == nil {
				t.Fatal("no error")
			}
			contains(t, err.Error(), tt.want)
			release()
			if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
				t.Errorf("left in the temporary directory: %v, %v", left, err)
			}
		})
	}
}

func TestStandardInputIsReadOnceForSeveralPlatforms(t *testing.T) {
	inProject(t)
	src, release, err := Open(t.Context(), Options{
		Context: "app", Stdin: strings.NewReader("FROM a\n"), Own: map[string]string{"linux/arm64": "-", "linux/arm/v7": "-"},
	})
	defer release()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(src.Own["linux/arm64"], src.Own["linux/arm/v7"], cmp.AllowUnexported(Dockerfile{})); diff != "" {
		t.Error(diff)
	}
	arm := src.FrontendAttrs(platform.Platform{OS: "linux", Architecture: "arm64"})
	if arm["dockerfilekey"] != "_dockerfile2" || src.FrontendAttrs(amd64)["dockerfilekey"] != "" {
		t.Errorf("%v, %v", arm, src.FrontendAttrs(amd64))
	}
	if data, err := os.ReadFile(filepath.Join(src.Dirs["_dockerfile2"], arm["filename"])); err != nil || string(data) != "FROM a\n" {
		t.Errorf("%q, %v", data, err)
	}
}
