//go:build unix

package source

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// linkedProject makes contexts whose files are links, next to a folder that is not theirs.
func linkedProject(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, dir, "shared/Dockerfile", "FROM shared\n")
	write(t, dir, "shared/ignore", "secret-of-the-machine\n")
	write(t, dir, "app/sub/D1", "FROM inside\n")
	write(t, dir, "app/patterns", "hidden\n")
	write(t, dir, "huge/Dockerfile", "FROM a\n"+strings.Repeat("# \n", maxDockerfile/3))
	write(t, dir, "folder/Dockerfile/x", "")
	for _, name := range []string{"pipe", "device", "outside", "absolute", "nowhere", "ignored", "own", "up"} {
		if err := os.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{
		"app/Dockerfile": "sub/D1", "app/.dockerignore": "patterns", "app/sub/D2": "D1", "app/sub/D3": "../../shared/Dockerfile", "app/sub/dir": "../../shared",
		"app/sub/D3.dockerignore": "../patterns", "app/sub/D1.dockerignore": "../patterns", "link": "app",
		"device/Dockerfile": "/dev/zero", "outside/Dockerfile": "../shared/Dockerfile", "absolute/Dockerfile": filepath.Join(dir, "absolute/x"),
		"nowhere/Dockerfile": "x", "ignored/.dockerignore": "../shared/ignore", "own/D.dockerignore": "../shared/ignore", "up/dockerfile": "../shared/Dockerfile",
	} {
		if err := os.Symlink(to, name); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir, "ignored/Dockerfile", "FROM scratch\n")
	write(t, dir, "own/D", "FROM scratch\n")
	write(t, dir, "absolute/x", "FROM scratch\n")
	if err := syscall.Mkfifo("pipe/Dockerfile", 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // releases a reader that still opens the pipe, since other tests look for leaks
		if w, err := os.OpenFile(filepath.Join(dir, "pipe/Dockerfile"), os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			w.Close()
		}
	})
}

func TestFilesThatTheContextChoosesAreFilesOfTheContext(t *testing.T) {
	linkedProject(t)
	for name, tt := range map[string]struct {
		opt  Options
		want string
	}{
		"a Dockerfile elsewhere":            {Options{Context: "outside"}, `the Dockerfile "outside/Dockerfile" is a link to "../shared/Dockerfile", which leads out of the build context`},
		"a lower-case one elsewhere":        {Options{Context: "up"}, `the Dockerfile "up/dockerfile" is a link to`},
		"a Dockerfile by its whole path":    {Options{Context: "absolute"}, "leads out of the build context"},
		"a Dockerfile that leads nowhere":   {Options{Context: "nowhere"}, `the Dockerfile "nowhere/Dockerfile" is a link to "x", which does not exist`},
		"a device":                          {Options{Context: "device"}, `the Dockerfile "device/Dockerfile" is a link to "/dev/zero", which leads out`},
		"a pipe that nobody writes":         {Options{Context: "pipe"}, `the Dockerfile "pipe/Dockerfile" is a pipe, not a file`},
		"a folder":                          {Options{Context: "folder"}, `the Dockerfile "folder/Dockerfile" is a directory, not a file`},
		"a Dockerfile without an end":       {Options{Context: "huge"}, `the Dockerfile "huge/Dockerfile" is larger than 1MiB`},
		"a .dockerignore elsewhere":         {Options{Context: "ignored"}, `the ignore file "ignored/.dockerignore" is a link to "../shared/ignore", which leads out of the build context`},
		"the same of a named context":       {Options{Context: "app", Named: map[string]string{"lib": "ignored"}}, `the named context lib=ignored: the ignore file "ignored/.dockerignore" is a link`},
		"a Dockerfile's own ignore file":    {Options{Context: "own", Dockerfile: "own/D"}, `the ignore file "own/D.dockerignore" is a link to`},
		"a .dockerignore, with -f -":        {Options{Context: "ignored", Dockerfile: "-", Stdin: strings.NewReader("FROM a\n")}, `the ignore file "ignored/.dockerignore"`},
		"-f names a device without an end":  {Options{Context: "app", Dockerfile: "/dev/zero"}, `the Dockerfile "/dev/zero" is larger than 1MiB`},
		"-f names what leads to a folder":   {Options{Context: "app", Dockerfile: "app/sub/dir"}, "is a directory"},
		"-f names a pipe that is not used":  {Options{Context: "app", Dockerfile: "pipe/Dockerfile", IdleTimeout: time.Millisecond}, `the Dockerfile "pipe/Dockerfile" cannot be read: nothing has come for 1ms`},
		"standard input twice, by its name": {Options{Context: "-", Dockerfile: "/dev/stdin", Stdin: strings.NewReader("x")}, "standard input cannot be both"},
	} {
		t.Run(name, func(t *testing.T) {
			_, release, err := Open(t.Context(), tt.opt)
			release()
			if err == nil {
				t.Fatal("no error")
			}
			contains(t, err.Error(), tt.want)
			if strings.Contains(err.Error(), "secret-of-the-machine") || strings.Contains(err.Error(), "FROM") {
				t.Errorf("what the file holds is shown: %v", err)
			}
		})
	}
}

func TestADockerfileMayBeWhereTheUserSays(t *testing.T) {
	linkedProject(t)
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		opt        Options
		text       string
		copied     bool
		ownIgnores string
	}{
		"a link inside the context":                    {Options{Context: "app"}, "FROM inside\n", false, ""},
		"a context that is a link":                     {Options{Context: "link"}, "FROM inside\n", false, ""},
		"-f of a link":                                 {Options{Context: "app", Dockerfile: "app/sub/D2"}, "FROM inside\n", false, ""},
		"-f through a linked folder":                   {Options{Context: "app", Dockerfile: "app/sub/dir/Dockerfile"}, "FROM shared\n", false, ""},
		"-f of a link to a Dockerfile elsewhere":       {Options{Context: "app", Dockerfile: "app/sub/D3"}, "FROM shared\n", true, "hidden\n"},
		"-f with an ignore file in another folder":     {Options{Context: "app", Dockerfile: "app/sub/D1"}, "FROM inside\n", true, "hidden\n"},
		"-f of a link that the context could not have": {Options{Context: "app", Dockerfile: "outside/Dockerfile"}, "FROM shared\n", true, ""},
		"-f of a link, with a context elsewhere":       {Options{Context: "https://example.com/app.git", Dockerfile: mustAbs(t, "outside/Dockerfile")}, "FROM shared\n", true, ""},
		"-f of what another program writes":            {Options{Context: "app", Dockerfile: pipe}, "FROM piped\n", true, ""},
		"-f /dev/stdin":                                {Options{Context: "app", Dockerfile: "/dev/stdin", Stdin: strings.NewReader("FROM stdin\n")}, "FROM stdin\n", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.opt.Dockerfile == pipe {
				go func() { _ = os.WriteFile(pipe, []byte(tt.text), 0o600) }()
			}
			src, release, err := Open(t.Context(), tt.opt)
			if err != nil {
				t.Fatal(err)
			}
			defer release()
			if got := string(src.localDockerfiles()[0]); got != tt.text {
				t.Errorf("%q is read", got)
			}
			d := src.Dockerfile
			if got, err := os.ReadFile(filepath.Join(src.Dirs[d.Local], d.Name)); err != nil || string(got) != tt.text {
				t.Errorf("%q is served, %v", got, err)
			}
			info, err := os.Lstat(filepath.Join(src.Dirs[d.Local], d.Name))
			if err != nil || tt.copied && !info.Mode().IsRegular() || d.forced != tt.copied {
				t.Errorf("copied: %t, want %t", d.forced, tt.copied)
			}
			if ignore, _ := os.ReadFile(filepath.Join(src.Dirs[d.Local], d.Name+ignoreSuffix)); string(ignore) != tt.ownIgnores {
				t.Errorf("its own ignore file is %q", ignore)
			}
		})
	}
}

func mustAbs(t *testing.T, name string) string {
	t.Helper()
	abs, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

func TestWaitingForADockerfileEndsWithTheContext(t *testing.T) {
	linkedProject(t)
	reader, writer := io.Pipe()
	t.Cleanup(func() { _ = writer.Close() })
	stop := errors.New("stopped")
	for name, opt := range map[string]Options{
		"standard input": {Context: "app", Dockerfile: "-", Stdin: reader},
		"a context":      {Context: "-", Stdin: reader},
		"a pipe":         {Context: "app", Dockerfile: "pipe/Dockerfile"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Millisecond, func() { cancel(stop) })
			if _, _, err := Open(ctx, opt); !errors.Is(err, stop) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAServerThatFallsSilentIsGivenUp(t *testing.T) {
	linkedProject(t)
	reader, writer := io.Pipe()
	t.Cleanup(func() { _ = writer.Close() })
	for name, fetch := range map[string]func(context.Context, string) (io.ReadCloser, error){
		"before it answers": func(ctx context.Context, _ string) (io.ReadCloser, error) { <-ctx.Done(); return nil, ctx.Err() },
		"after the header":  func(context.Context, string) (io.ReadCloser, error) { return reader, nil },
	} {
		_, _, err := Open(t.Context(), Options{Context: "app", Dockerfile: "https://example.com/D", Fetch: fetch, IdleTimeout: time.Millisecond})
		if err == nil || !strings.Contains(err.Error(), `the Dockerfile "https://example.com/D" cannot be`) || !strings.Contains(err.Error(), "nothing has come for 1ms") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
