// Package vertexlog records from BuildKit's messages how the steps of a platform's solves ended: which ran, which failed and with which
// error, and how long they took.
package vertexlog

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
)

// Log collects the messages of one or several solves. Its zero value is empty and ready to use; it may be read while messages arrive.
type Log struct {
	Marks
	mu     sync.Mutex
	failed map[digest.Digest]Failure
	output map[digest.Digest][]byte                      // the end of the output of a step that has not ended, or has failed
	runs   map[digest.Digest]map[time.Time]time.Duration // by the start of each run: a step may begin again after its end
	ran    map[digest.Digest]bool                        // a step that has ended; false if it came from a cache
}

// Failure is the error of a failed step, and how long the step took to fail. The zero value means no failure.
type Failure struct {
	Err  string
	Took time.Duration
}

// Add processes a message, and removes from it the marks of its CatchUp. The time of a step that came from a cache, or has failed, is not
// recorded.
func (l *Log) Add(msg *client.SolveStatus) {
	defer l.Take(msg)()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.addLogs(msg.Logs)
	for _, v := range msg.Vertexes {
		l.fail(v)
		l.end(v)
		if v.Started == nil || v.Completed == nil || v.Cached || v.Error != "" {
			continue
		}
		if l.runs == nil {
			l.runs = map[digest.Digest]map[time.Time]time.Duration{}
		}
		if l.runs[v.Digest] == nil {
			l.runs[v.Digest] = map[time.Time]time.Duration{}
		}
		l.runs[v.Digest][v.Started.UTC()] = v.Completed.Sub(*v.Started)
	}
}

// end records whether a step that has ended ran.
func (l *Log) end(v *client.Vertex) {
	if v.Completed == nil {
		return
	}
	if l.ran == nil {
		l.ran = map[digest.Digest]bool{}
	}
	l.ran[v.Digest] = l.ran[v.Digest] || !v.Cached
}

func (l *Log) fail(v *client.Vertex) {
	if v.Error == "" || buildkitmsg.IsCanceled(v.Error) {
		delete(l.failed, v.Digest)
		if v.Completed != nil {
			delete(l.output, v.Digest)
		}
		return
	}
	if l.failed == nil {
		l.failed = map[digest.Digest]Failure{}
	}
	f := Failure{Err: v.Error}
	if v.Started != nil && v.Completed != nil {
		f.Took = v.Completed.Sub(*v.Started)
	}
	l.failed[v.Digest] = f
}

// maxOutput is how many bytes of the end of a step's output are kept.
const maxOutput = 16 << 10

func (l *Log) addLogs(logs []*client.VertexLog) {
	for _, line := range logs {
		if l.output == nil {
			l.output = map[digest.Digest][]byte{}
		}
		output := append(l.output[line.Vertex], line.Data...)
		if len(output) > 2*maxOutput {
			output = append([]byte(nil), output[len(output)-maxOutput:]...)
		}
		l.output[line.Vertex] = output
	}
}

// Output returns the end of the output of a step that has failed, or has not ended.
func (l *Log) Output(d digest.Digest) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Concat(l.output[d], l.output[Uncached(d)])
}

// Uncached returns the digest of a step that must not be taken from the cache, if two builds have it (solver/jobs.go of BuildKit).
func Uncached(d digest.Digest) digest.Digest { return digest.FromString(d.String() + "-ignorecache") }

// Failure returns the failure of a step; zero if the step has not failed.
func (l *Log) Failure(d digest.Digest) Failure {
	l.mu.Lock()
	defer l.mu.Unlock()
	return cmp.Or(l.failed[d], l.failed[Uncached(d)])
}

// Ran reports whether a step has ended and did not come from a cache.
func (l *Log) Ran(d digest.Digest) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ran[d] || l.ran[Uncached(d)]
}

// Ended reports whether the log has a step's end.
func (l *Log) Ended(d digest.Digest) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ended := l.ran[d]
	_, uncached := l.ran[Uncached(d)]
	return ended || uncached
}

// Seconds returns how long a step took; 0 if it did not run, or came from a cache.
func (l *Log) Seconds(d digest.Digest) float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var took time.Duration
	for _, digest := range []digest.Digest{d, Uncached(d)} {
		for _, t := range l.runs[digest] {
			took += t
		}
	}
	return took.Seconds()
}
