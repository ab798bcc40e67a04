package solve

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/kept"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// keptVersion is the beginning of what is kept of an image. It changes with the encoding, and when the same question has another answer.
const keptVersion = "docker-multiarch base 1\n"

const (
	maxBases = 4 << 20
	maxBase  = 512 << 10
)

// seen is what is known of an image for a platform. It stays true: the image is named by its digest.
type seen struct {
	Lacks  bool // it has nothing for the platform
	Config ocispecs.ImageConfig
	Files  map[string]recipe.File // by the question
}

// keptBases keeps what was seen of base images, so that the next build need not look at them.
type keptBases struct{ kept.Folder }

func newKeptBases(dir string) keptBases {
	return keptBases{kept.Folder{Dir: dir, Suffix: ".base", Max: maxBases, Each: maxBase}}
}

func keptName(d digest.Digest, p platform.Platform) string {
	return d.Algorithm().String() + "-" + d.Encoded() + "-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' {
			return r
		}
		return '-'
	}, platform.Format(p))
}

// get is what is known of an image; ok is false if nothing is.
func (k keptBases) get(name string) (s seen, ok bool) {
	data, ok := bytes.CutPrefix(k.Get(name), []byte(keptVersion))
	if !ok {
		return seen{}, false
	}
	if json.Unmarshal(data, &s) != nil {
		k.Remove(name)
		return seen{}, false
	}
	return s, true
}

// put adds to what is known of an image, to what others have found out meanwhile.
func (k keptBases) put(name string, s seen) {
	if k.Dir == "" {
		return
	}
	if old, ok := k.get(name); ok {
		files := maps.Clone(old.Files)
		if files == nil {
			files = map[string]recipe.File{}
		}
		maps.Copy(files, s.Files)
		s.Files = files
	}
	if data, err := json.Marshal(s); err == nil {
		k.Put(name, append([]byte(keptVersion), data...))
	}
}
