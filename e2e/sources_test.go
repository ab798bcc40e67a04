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
	"strings"
	"sync/atomic"
	"testing"
)

const twoPlatforms = "linux/amd64,linux/arm64"

// archive is a tar of files, in their order by name.
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
	_, _ = w.Write(data) // memory takes everything
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

// gitRepository makes a repository with a branch "side", serves it over HTTP, and gives its URL.
func (s *story) gitRepository(content files) string {
	s.Helper()
	s.besideUs()
	dir := s.folder(content)
	for _, words := range []string{"init -q -b main", "add .", "commit -q -m one", "branch side"} {
		args := append([]string{"-C", dir, "-c", "user.name=e2e", "-c", "user.email=e2e@example.com"}, strings.Fields(words)...)
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			s.Fatalf("git %s: %v\n%s", words, err, out)
		}
	}
	program, err := exec.Command("git", "--exec-path").Output()
	s.check(err)
	// A prefix that ends in .git makes it a git URL; the backend looks for the repository below the root.
	host := s.serve(&cgi.Handler{
		Path: strings.TrimSpace(string(program)) + "/git-http-backend", Root: "/app.git", InheritEnv: []string{"PATH"},
		Env: []string{"GIT_PROJECT_ROOT=" + dir + "/.git", "GIT_HTTP_EXPORT_ALL=1", "HOME=" + s.home, "GIT_CONFIG_COUNT=1",
			"GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
	})
	return "http://" + host + "/app.git"
}

func TestAGitContextIsBuiltAtItsRef(t *testing.T) {
	onEachEngine(t, func(s *story) {
		url := s.gitRepository(files{"Dockerfile": "FROM scratch\nCOPY data /\n", "data": "hello", "below/Dockerfile": "FROM scratch\nCOPY x /data\n", "below/x": "below"})
		for context, text := range map[string]string{url: "hello", url + "#side": "hello", url + "#main:below": "below"} {
			repo := s.repo()
			s.mustBuild("--platform", twoPlatforms, "--push", "-t", repo, context)
			s.built(context, repo, "data", text)
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
