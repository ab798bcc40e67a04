// Package pushed remembers for an hour which repositories took a push, and of which images, in a folder of the user's cache. A build that
// pushes there again need not ask beforehand whether a push would be accepted, and knows which image a build without changes makes. The
// memory is only a hint: whether a registry has an image is always asked of the registry.
//
// The files have digests only. Their names are hashes of the repository, of the login's name and of the builder.
package pushed

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cachedir"
)

// life is how long a push is remembered, and images how many of a repository's.
const (
	life   = time.Hour
	images = 64
)

// Memory is a folder of pushes. The zero Memory remembers nothing.
type Memory struct {
	Dir string // is made if it is missing; "" remembers nothing
	// Login returns a name of the login at a registry that is no secret; nil if there are no logins.
	Login func(host string) string
	Now   func() time.Time // nil: time.Now
}

// Client is the pusher of what any builder has pushed for this client.
const Client = "client"

// record is what is remembered of one repository, login and pusher.
type record struct {
	At     time.Time        `json:"at"` // of the last push
	Images map[string]image `json:"images,omitempty"`
}

// image is an image that was pushed.
type image struct {
	At     time.Time     `json:"at"`
	Digest digest.Digest `json:"digest"`
}

// Took reports whether the repository took a push of the pusher lately. A pusher without a name has pushed nothing.
func (m Memory) Took(repo reference.Named, pusher string) bool {
	return m.recent(m.read(repo, pusher).At)
}

// Image returns the image that was pushed lately under the key to all repositories; "" if there is none.
func (m Memory) Image(repos []reference.Named, pusher, key string) (found digest.Digest) {
	for i, repo := range repos {
		one := m.read(repo, pusher).Images[key]
		if !m.recent(one.At) || i > 0 && one.Digest != found {
			return ""
		}
		found = one.Digest
	}
	return found
}

// Add records that a repository took these images, by their keys.
func (m Memory) Add(repo reference.Named, pusher string, pushed map[string]digest.Digest) {
	if m.Dir == "" || pusher == "" {
		return
	}
	r := m.read(repo, pusher)
	r.At = m.now()
	maps.DeleteFunc(r.Images, func(_ string, one image) bool { return !m.recent(one.At) })
	if r.Images == nil {
		r.Images = map[string]image{}
	}
	for key, d := range pushed {
		r.Images[key] = image{r.At, d}
	}
	byAge := slices.SortedFunc(maps.Keys(r.Images), func(a, b string) int { return r.Images[a].At.Compare(r.Images[b].At) })
	for _, key := range byAge[:max(0, len(byAge)-images)] {
		delete(r.Images, key)
	}
	if data, err := json.Marshal(r); err == nil {
		m.folder().Put(m.name(repo, pusher), data)
	}
}

// Forget removes what is remembered of a repository and a pusher.
func (m Memory) Forget(repo reference.Named, pusher string) { m.folder().Remove(m.name(repo, pusher)) }

func (m Memory) read(repo reference.Named, pusher string) (r record) {
	if m.Dir == "" || pusher == "" {
		return record{}
	}
	if json.Unmarshal(m.folder().Get(m.name(repo, pusher)), &r) != nil {
		return record{}
	}
	return r
}

// recent reports whether a time is in the last hour. A time in the future is not: the clock was set back.
func (m Memory) recent(at time.Time) bool {
	age := m.now().Sub(at)
	return age >= 0 && age < life
}

func (m Memory) name(repo reference.Named, pusher string) string {
	login := ""
	if m.Login != nil {
		login = m.Login(reference.Domain(repo))
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{repo.Name(), login, pusher}, "\x00")))
	return hex.EncodeToString(sum[:])
}

func (m Memory) folder() cachedir.Folder {
	return cachedir.Folder{Dir: m.Dir, Suffix: ".json", Max: 1 << 20, MaxFile: 32 << 10}
}

func (m Memory) now() time.Time {
	if m.Now != nil {
		return m.Now()
	}
	return time.Now()
}
