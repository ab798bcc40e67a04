//go:build e2e

package e2e

import (
	"archive/tar"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/exe/exetest"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// These bound the memory in bytes for reading an image: however large it is, and however many files it has.
const (
	mostMemory = 128 << 20
	mostListed = 400 << 20
)

// app returns an image that starts /app, with the entries that the function adds before or after.
func (s *story) app(write func(add func(tar.Header, string))) handmade {
	s.Helper()
	return handmade{entrypoint: []string{"/app"}, layers: [][]byte{s.packed(write)}}
}

func regular(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeReg} }

func linkTo(kind byte, name, target string) tar.Header {
	return tar.Header{Name: name, Typeflag: kind, Linkname: target}
}

// hostile is an image with its expected findings: none for an image that is as good as others. many means that it has very many
// files.
type hostile struct {
	img  handmade
	word string
	many bool
}

// hostileImages returns images that were made to do harm, or were damaged on their way.
func hostileImages(s *story) map[string]hostile {
	program := string(exetest.Program("amd64", ""))
	one := func(name, content, word string) hostile {
		return hostile{img: s.app(func(add func(tar.Header, string)) { add(regular(name), content) }), word: word}
	}
	all := map[string]hostile{
		"a program":                    one("app", program, ""),
		"a program that is cut off":    one("app", program[:40], "/app"),
		"a program of one byte":        one("app", "\x7f", "/app"),
		"many program headers":         one("app", patch(program, 0x38, "\xff\xff"), ""),
		"program headers far away":     one("app", patch(program, 0x20, "\xff\xff\xff\xff\xff\xff\xff\x7f"), ""),
		"section headers far away":     one("app", patch(program, 0x28, "\xff\xff\xff\xff\xff\xff\xff\xff"), ""),
		"a loader's name without end":  one("app", patch(string(exetest.Program("amd64", "/lib/x")), 0x40+0x38+0x20, "\xff\xff\xff\xff\xff\xff\xff\x7f"), ""),
		"a script without end":         one("app", "#!/"+strings.Repeat("x", 1<<20), "/app"),
		"a script that is its own":     one("app", "#!/app\n", ""),
		"a path above the root":        one("../../app", program, ""),
		"a path with dots":             one("usr/../../../app", program, ""),
		"a path as deep as can be":     one(strings.Repeat("d/", 30_000)+"app", program, "examined"),
		"a link to itself":             {img: s.app(func(add func(tar.Header, string)) { add(linkTo(tar.TypeSymlink, "app", "app"), "") }), word: "/app"},
		"a link out of the image":      {img: s.app(func(add func(tar.Header, string)) { add(linkTo(tar.TypeSymlink, "app", "../../../../bin/sh"), "") }), word: "/app"},
		"a hard link to itself":        {img: s.app(func(add func(tar.Header, string)) { add(linkTo(tar.TypeLink, "app", "app"), "") }), word: "/app"},
		"a hard link out of the image": {img: s.app(func(add func(tar.Header, string)) { add(linkTo(tar.TypeLink, "app", "../../../bin/sh"), "") }), word: "/app"},
		"hard links in a ring": {img: s.app(func(add func(tar.Header, string)) {
			add(linkTo(tar.TypeLink, "app", "b"), "")
			add(linkTo(tar.TypeLink, "b", "app"), "")
		}), word: "/app"},
		"a chain of links": {img: s.app(func(add func(tar.Header, string)) {
			for i := range 1000 {
				add(linkTo(tar.TypeSymlink, fmt.Sprint("l", i), fmt.Sprint("l", i+1)), "")
			}
			add(linkTo(tar.TypeSymlink, "app", "l0"), "")
		}), word: "/app"},
		"links that double": {img: s.app(func(add func(tar.Header, string)) {
			for i := range 60 {
				add(linkTo(tar.TypeSymlink, fmt.Sprint("l", i), fmt.Sprintf("l%d/../l%d", i+1, i+1)), "")
			}
			add(linkTo(tar.TypeSymlink, "app", "l0"), "")
		}), word: "/app"},
		"a layer that is no archive": {img: handmade{entrypoint: []string{"/app"}, layers: [][]byte{[]byte(strings.Repeat("no archive ", 1000))}}, word: "cannot be unpacked"},
		"a layer that is cut off":    {img: handmade{entrypoint: []string{"/app"}, layers: [][]byte{cut(s.packed(func(add func(tar.Header, string)) { add(regular("app"), noise(1<<20)) }))}}, word: "cannot be unpacked"},
		"a layer that seems shorter": {img: s.lying(program, func(l *handmadeLayer) { l.Size-- }), word: "size"},
		"a layer that seems longer":  {img: s.lying(program, func(l *handmadeLayer) { l.Size++ }), word: "size"},
		"a layer of another kind":    {img: s.lying(program, func(l *handmadeLayer) { l.MediaType = "application/vnd.example.layer" }), word: "application/vnd.example.layer"},
		"a layer of a gibibyte":      {img: handmade{entrypoint: []string{"/app"}, layers: [][]byte{s.bomb(1 << 30)}}, word: "/app"},
		"a file of a gibibyte":       {img: handmade{entrypoint: []string{"/app"}, layers: [][]byte{s.bomb(0), s.big("app", 1<<30)}}, word: "/app"},
		"a million files":            {img: s.app(func(add func(tar.Header, string)) { flood(add, 1_000_000, func(int) string { return "" }) }), many: true},
		"very many programs":         {img: s.app(func(add func(tar.Header, string)) { flood(add, 200_000, func(int) string { return program }) }), many: true},
		"scripts with their own words": {img: s.app(func(add func(tar.Header, string)) {
			flood(add, 200_000, func(i int) string { return fmt.Sprintf("#!/%d%s", i, strings.Repeat("x", 100)) })
		}), many: true},
	}
	return all
}

// flood adds very many files and then a program to start.
func flood(add func(tar.Header, string), n int, content func(int) string) {
	for i := range n {
		add(regular(fmt.Sprintf("usr/share/some/folder/%d/file-%d", i/1000, i)), content(i))
	}
	add(regular("app"), string(exetest.Program("amd64", "")))
}

func patch(file string, at int, with string) string { return file[:at] + with + file[at+len(with):] }

func cut(blob []byte) []byte { return blob[:len(blob)/2] }

// lying returns an image whose manifest has a wrong entry for its layer.
func (s *story) lying(program string, say func(*handmadeLayer)) handmade {
	img := s.app(func(add func(tar.Header, string)) { add(regular("app"), program) })
	img.say = say
	return img
}

// bomb returns a layer of zeros, which is an empty archive.
func (s *story) bomb(size int64) []byte {
	s.Helper()
	return s.zipped(func(w io.Writer) error {
		_, err := io.CopyN(w, zeros{}, size)
		return err
	})
}

// big returns a layer with one file of zeros.
func (s *story) big(name string, size int64) []byte {
	s.Helper()
	return s.zipped(func(w io.Writer) error {
		t := tar.NewWriter(w)
		if err := t.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: size}); err != nil {
			return err
		}
		if _, err := io.CopyN(t, zeros{}, size); err != nil {
			return err
		}
		return t.Close()
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestHostileImagesAreLookedAtInBoundedMemoryAndSaidClearly(t *testing.T) {
	t.Parallel()
	s := newStory(t, engineKinds[0].variable)
	repo := s.repo()
	images := hostileImages(s)
	for i, name := range sortedKeys(images) {
		c, tag := images[name], fmt.Sprint("t", i)
		s.pushHandmade(repo, tag, c.img)
		s.Run(name, func(t *testing.T) {
			told := *s
			told.T = t
			r, peak := told.peakOf("verify", "--executables", "strict", repo+":"+tag)
			told.lacks("what verify says", r.out+r.err, "panic", "goroutine", "runtime error")
			most := int64(mostMemory)
			if c.many {
				most = mostListed
			}
			if peak > most {
				t.Errorf("it took %d MiB", peak>>20)
			}
			switch {
			case c.word == "":
				told.equal("the status of what is as good as others", r.code, 0)
			case r.code > 2:
				t.Errorf("status %d", r.code)
			default:
				told.contains("what verify says", r.out+r.err, c.word)
			}
			t.Logf("status %d, %s, %d MiB", r.code, r.took, peak>>20)
		})
	}
}

func TestALayerThatChangesOnItsWayIsFound(t *testing.T) {
	t.Parallel()
	s := newStory(t, engineKinds[0].variable)
	faults, host := s.front()
	repo := host + "/e2e/" + random()
	img := s.app(func(add func(tar.Header, string)) { add(regular("app"), string(exetest.Program("amd64", ""))) })
	other := s.app(func(add func(tar.Header, string)) { add(regular("app"), string(exetest.Program("386", ""))) })
	s.pushHandmade(s.behind(repo), "1", img)
	faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodGet, digestOf(string(img.layers[0]))), Do: func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		_, _ = w.Write(other.layers[0])
	}})
	r, _ := s.peakOf("verify", repo+":1")
	if r.code == 0 {
		t.Errorf("status 0\n%s%s", r.out, r.err)
	}
	s.contains("what verify says", r.out+r.err, digestOf(string(img.layers[0])))
}

func TestVerifyReadsEachLayerOnceForAllPlatforms(t *testing.T) {
	t.Parallel()
	s := newStory(t, engineKinds[0].variable)
	faults, host := s.front()
	repo := host + "/e2e/" + random()
	s.mustBuild("--platform", three, "--push", "-t", s.behind(repo), "-f", s.dockerfile("FROM scratch", "COPY --link other /same", "ARG TARGETPLATFORM",
		"COPY static/$TARGETPLATFORM /app", `CMD ["/app"]`)+"/Dockerfile", s.fixtures())
	s.newHome() // without cached listings of the layers
	s.contains("what verify says", s.mustLook("verify", repo), "is whole", "linux/arm/v7")
	read := map[string]int{}
	for _, request := range faults.Requests() {
		if _, digest, ok := strings.Cut(request.Path, "/blobs/"); ok && request.Method == http.MethodGet {
			read[digest]++
		}
	}
	layers := map[string]bool{}
	for _, m := range s.remote(s.behind(repo), "latest").Manifests {
		for _, l := range s.remote(s.behind(repo), m.Digest).Layers {
			layers[l.Digest] = true
		}
	}
	s.equal("the number of layers", len(layers), 4)
	for digest := range layers {
		s.equal("how often "+digest+" was read", read[digest], 1)
	}
}
