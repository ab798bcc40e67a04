package baseimage

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/cachedir"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// cacheVersion begins the cached facts of an image. It changes with the encoding, and when the same question has another answer.
const cacheVersion = "docker-multiarch base 1\n"

const (
	maxCache = 4 << 20
	maxImage = 512 << 10
)

// facts are the known facts about an image for a platform. They do not expire: the image is named by its digest.
type facts struct {
	Lacks  bool // it is missing the platform
	Config ocispecs.ImageConfig
	Files  map[string]recipe.File // by the question
}

// cache keeps facts about base images in a folder, so that the next build need not examine them.
type cache struct{ cachedir.Folder }

func newCache(dir string) cache {
	return cache{cachedir.Folder{Dir: dir, Suffix: ".base", Max: maxCache, MaxFile: maxImage}}
}

func cacheName(d digest.Digest, p platform.Platform) string {
	return d.Algorithm().String() + "-" + d.Encoded() + "-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' {
			return r
		}
		return '-'
	}, platform.Format(p))
}

// get returns the known facts about an image; ok is false if there are none.
func (c cache) get(name string) (s facts, ok bool) {
	data, ok := bytes.CutPrefix(c.Get(name), []byte(cacheVersion))
	if !ok {
		return facts{}, false
	}
	if json.Unmarshal(data, &s) != nil {
		c.Remove(name)
		return facts{}, false
	}
	return s, true
}

// put adds to the known facts about an image, including those that others have added meanwhile.
func (c cache) put(name string, s facts) {
	if c.Dir == "" {
		return
	}
	if old, ok := c.get(name); ok {
		files := maps.Clone(old.Files)
		if files == nil {
			files = map[string]recipe.File{}
		}
		maps.Copy(files, s.Files)
		s.Files = files
	}
	if data, err := json.Marshal(s); err == nil {
		c.Put(name, append([]byte(cacheVersion), data...))
	}
}
