package manifest

import (
	"sync"
	"time"
)

// unable are the hosts that did not answer a request although it was repeated for as long as the policy allows. For as long again
// everybody else gets the same error at once, rather than to wait as long each: an index may have hundreds of images.
type unable struct {
	mu    sync.Mutex
	hosts map[string]*ability
}

// ability is what is known of a host.
type ability struct {
	answered time.Time // when it last gave a final answer
	until    time.Time // when it may be asked again
	why      error
}

func (u *unable) host(name string) *ability {
	if u.hosts == nil {
		u.hosts = map[string]*ability{}
	}
	if u.hosts[name] == nil {
		u.hosts[name] = &ability{}
	}
	return u.hosts[name]
}

// refuse is why a host is not asked now; nil if it is.
func (u *unable) refuse(name string, now time.Time) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if h := u.host(name); now.Before(h.until) {
		return h.why
	}
	return nil
}

// answers notes a final answer, whatever it says.
func (u *unable) answers(name string, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	h := u.host(name)
	h.answered, h.until = now, time.Time{}
}

// giveUp notes that a request, which was first sent at start, was given up, and that others need not try for so long. A host that has
// answered others meanwhile is able: it is that one thing that it cannot serve.
func (u *unable) giveUp(name string, start, now time.Time, pause time.Duration, why error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if h := u.host(name); !h.answered.After(start) {
		h.until, h.why = now.Add(pause), why
	}
}
