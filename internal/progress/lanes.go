package progress

import (
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
)

// Shared is the lane of the steps that several platforms have. The other lanes are named by their platforms.
const Shared = "shared"

// message is the part of a solve's message for one lane.
type message struct {
	lane   string
	status *client.SolveStatus
}

// lanes sorts messages. Every solve reports the steps that it shares with others, so only the first solve that reports such a
// step is used, until that solve ends.
type lanes struct {
	single bool                  // there is one platform: nothing is shared
	counts map[digest.Digest]int // in how many platforms' graphs a step is
	owners map[digest.Digest]string
	alike  map[digest.Digest]bool // requests that are the same for all platforms: for the context, the Dockerfile and the base images' configurations
	ended  map[digest.Digest]bool
}

func newLanes(platforms int) *lanes {
	return &lanes{
		single: platforms <= 1, owners: map[digest.Digest]string{}, alike: map[digest.Digest]bool{}, ended: map[digest.Digest]bool{},
	}
}

// split returns the parts of one platform's message that are to be shown. It does not modify the message.
func (l *lanes) split(platform string, in *client.SolveStatus) []message {
	var shared, own client.SolveStatus
	part := func(d digest.Digest) *client.SolveStatus {
		switch {
		case !l.isShared(d):
			return &own
		case l.heard(platform, d):
			return &shared
		}
		return nil
	}
	for _, v := range in.Vertexes {
		if isAlike(v.Name) {
			l.alike[v.Digest] = true
		}
		if to := part(v.Digest); to != nil {
			to.Vertexes = append(to.Vertexes, v)
			if to == &shared && v.Completed != nil {
				l.ended[v.Digest] = true
			}
		}
	}
	for _, v := range in.Statuses {
		if to := part(v.Vertex); to != nil {
			to.Statuses = append(to.Statuses, v)
		}
	}
	for _, v := range in.Logs {
		if to := part(v.Vertex); to != nil {
			to.Logs = append(to.Logs, v)
		}
	}
	for _, v := range in.Warnings {
		if to := part(v.Vertex); to != nil {
			to.Warnings = append(to.Warnings, v)
		}
	}
	return messages(&shared, &own, platform)
}

func messages(shared, own *client.SolveStatus, platform string) []message {
	var out []message
	if !isEmpty(shared) {
		out = append(out, message{Shared, shared})
	}
	if !isEmpty(own) {
		out = append(out, message{platform, own})
	}
	return out
}

func isEmpty(s *client.SolveStatus) bool {
	return len(s.Vertexes)+len(s.Statuses)+len(s.Logs)+len(s.Warnings) == 0
}

func (l *lanes) isShared(d digest.Digest) bool {
	return !l.single && (l.counts[d] > 1 || l.alike[d])
}

func isAlike(name string) bool {
	return buildkitmsg.IsInputLoad(name) || strings.HasPrefix(name, "looking at ")
}

// heard reports whether this platform is the one that reports a shared step.
func (l *lanes) heard(platform string, d digest.Digest) bool {
	owner, ok := l.owners[d]
	if !ok {
		l.owners[d] = platform
		return true
	}
	return owner == platform
}

// handOver lets other platforms report the unfinished steps of a platform whose solve has ended.
func (l *lanes) handOver(platform string) {
	for _, d := range slices.Collect(maps.Keys(l.owners)) {
		if l.owners[d] == platform && !l.ended[d] {
			delete(l.owners, d)
		}
	}
}
