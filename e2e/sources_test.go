//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/cgi"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

const twoPlatforms = "linux/amd64,linux/arm64"

// archive returns a tar of files, in their order by name.
func (s *story) archive(content files) []byte {
	s.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, name := range sortedKeys(content) {
		s.check(w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content[name]))}))
		_, err := w.Write([]byte(content[name]))
		s.check(err)
	}
	s.check(w.Close())
	return buf.Bytes()
}

func compressed(data []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, _ = w.Write(data) // a write to memory does not fail
	_ = w.Close()
	return buf.Bytes()
}

// built checks that both platforms of a tag have the text in a file.
func (s *story) built(what, repo, file, text string) {
	s.Helper()
	for _, platform := range strings.Split(twoPlatforms, ",") {
		s.equal(what+": "+file+" for "+platform, s.fileOf(repo, "latest", platform, file), text)
	}
}

func TestTheContextOnStandardInputServesEveryPlatform(t *testing.T) {
	onEachEngine(t, func(s *story) {
		tarball := s.archive(files{"Dockerfile": "FROM scratch\nCOPY data /\n", "other": "FROM scratch\nCOPY data /other\n", "data": "hello"})
		for name, in := range map[string]struct {
			data  []byte
			flags []string
			file  string
		}{
			"an archive":                        {tarball, nil, "data"},
			"a compressed archive":              {compressed(tarball), nil, "data"},
			"another Dockerfile in the archive": {tarball, []string{"-f", "other"}, "other"},
		} {
			repo := s.repo()
			args := append(s.buildArgs(in.flags...), "--platform", twoPlatforms, "--push", "-t", repo, "-")
			s.mustRun(call{args: args, stdin: bytes.NewReader(in.data)})
			s.built(name, repo, in.file, "hello")
		}
	})
}

func TestADockerfileOnStandardInputIsBuiltWithoutAndWithAContext(t *testing.T) {
	onEachEngine(t, func(s *story) {
		alone, with := s.repo(), s.repo()
		s.mustRun(call{
			args:  s.buildArgs("--platform", twoPlatforms, "--push", "-t", alone, "-"),
			stdin: strings.NewReader("FROM scratch\nCOPY <<EOF /data\nhello\nEOF\n"),
		})
		s.built("-", alone, "data", "hello")
		s.mustRun(call{
			args:  s.buildArgs("-f", "-", "--platform", twoPlatforms, "--push", "-t", with, s.folder(files{"data": "hello", "Dockerfile": "none"})),
			stdin: strings.NewReader("FROM scratch\nCOPY data /\n"),
		})
		s.built("-f -", with, "data", "hello")
	})
}

// git runs git on a repository in a folder.
func (s *story) git(dir string, words ...string) {
	s.Helper()
	args := append([]string{"-C", dir, "-c", "user.name=e2e", "-c", "user.email=e2e@example.com"}, words...)
	if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
		s.Fatalf("git %s: %v\n%s", words, err, out)
	}
}

// gitRepository makes a repository of one commit.
func (s *story) gitRepository(content files) (dir string) {
	s.Helper()
	dir = s.folder(content)
	s.git(dir, "init", "-q", "-b", "main")
	s.git(dir, "add", ".")
	s.git(dir, "commit", "-q", "-m", "one")
	return dir
}

// gitServer serves a repository over HTTP. The server's URL must end in ".git", for BuildKit to take it for a repository's.
func (s *story) gitServer(dir string) http.Handler {
	s.Helper()
	programs, err := exec.Command("git", "--exec-path").Output()
	s.check(err)
	return &cgi.Handler{
		Path: strings.TrimSpace(string(programs)) + "/git-http-backend", Root: "/app.git", InheritEnv: []string{"PATH"},
		Env: []string{
			"GIT_PROJECT_ROOT=" + dir + "/.git", "GIT_HTTP_EXPORT_ALL=1", "HOME=" + s.home, "GIT_CONFIG_COUNT=1",
			"GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		},
	}
}

func TestAGitContextIsBuiltAtItsRef(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir := s.gitRepository(files{
			"Dockerfile": "FROM scratch\nCOPY data /\n", "data": "hello", "below/Dockerfile": "FROM scratch\nCOPY x /data\n", "below/x": "below",
		})
		s.git(dir, "branch", "side")
		url := "http://" + s.serve(s.gitServer(dir)) + "/app.git"
		for context, text := range map[string]string{url: "hello", url + "#side": "hello", url + "#main:below": "below"} {
			repo := s.repo()
			s.mustBuild("--platform", twoPlatforms, "--push", "-t", repo, context)
			s.built(context, repo, "data", text)
		}
	})
}

func TestABranchThatMovesDuringTheBuildDoesNotSplitThePlatforms(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir := s.gitRepository(files{"Dockerfile": "FROM scratch\nCOPY data /\n", "data": "old"})
		s.git(dir, "checkout", "-q", "-b", "next")
		s.write(filepath.Join(dir, "data"), "new")
		s.git(dir, "commit", "-q", "-a", "-m", "two")
		server := s.gitServer(dir)
		var asked atomic.Int32
		host := s.serve(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			server.ServeHTTP(w, req)
			if strings.HasSuffix(req.URL.Path, "/info/refs") && asked.Add(1) == 1 {
				s.git(dir, "update-ref", "refs/heads/main", "next")
			}
		}))
		repo := s.repo()
		s.mustBuild("--jobs", "1", "--platform", three, "--push", "-t", repo, "http://"+host+"/app.git#main")
		first := s.fileOf(repo, "latest", "linux/amd64", "data")
		for _, platform := range []string{"linux/arm64", "linux/arm/v7"} {
			s.equal("the file of "+platform, s.fileOf(repo, "latest", platform, "data"), first)
		}
	})
}

func TestAContextIsDownloaded(t *testing.T) {
	onEachEngine(t, func(s *story) {
		tarball := compressed(s.archive(files{"Dockerfile": "FROM scratch\nCOPY data /\n", "data": "hello"}))
		host := s.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(tarball) }))
		repo := s.repo()
		s.mustBuild("--platform", twoPlatforms, "--push", "-t", repo, "http://"+host+"/context.tar.gz")
		s.built("http", repo, "data", "hello")
	})
}

func TestADownloadThatChangesDuringTheBuildDoesNotSplitThePlatforms(t *testing.T) {
	onEachEngine(t, func(s *story) {
		var asked atomic.Int32
		host := s.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "answer %d", asked.Add(1)) }))
		repo := s.repo()
		s.build("--platform", three, "--push", "-t", repo, s.folder(files{"Dockerfile": "FROM scratch\nADD http://" + host + "/data /data\n"}))
		if !s.exists(repo, "latest") {
			s.Log("it was noticed, and no tag moved")
			return
		}
		first := s.fileOf(repo, "latest", "linux/amd64", "data")
		for _, platform := range []string{"linux/arm64", "linux/arm/v7"} {
			s.equal("the download of "+platform, s.fileOf(repo, "latest", platform, "data"), first)
		}
	})
}

func TestNamedContextsAreFoldersAndImages(t *testing.T) {
	onEachEngine(t, func(s *story) {
		image := s.repo()
		s.mustBuild("--platform", twoPlatforms, "--push", "-t", image, s.folder(files{"Dockerfile": "FROM scratch\nCOPY x /\n", "x": "of the image"}))
		repo := s.repo()
		s.mustBuild("--build-context", "extra="+s.folder(files{"y": "of the folder"}), "--build-context", "other=docker-image://"+image,
			"--platform", twoPlatforms, "--push", "-t", repo, s.dockerfile("FROM scratch", "COPY --from=extra y /", "COPY --from=other x /"))
		s.built("a folder", repo, "y", "of the folder")
		s.built("an image", repo, "x", "of the image")
	})
}
