package main

import (
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
)

// These are bounds of more than one row, as multiples of the other contestant's figure.
const (
	noSlower   = 1.05 // 5 % are for the noise of the measurement
	lessMemory = 0.45
)

// ofPeer returns the bound of a row in which ours may need a multiple of what the peer needs.
func ofPeer(limit float64) []measure.Bound {
	return []measure.Bound{measure.Times(limit, measure.Peer)}
}

// ofPeerAndSame returns the bounds of a row in which ours may be no slower than the peer's program on our buildkitd, either.
func ofPeerAndSame(limit float64) []measure.Bound {
	return append(ofPeer(limit), measure.Times(noSlower, measure.Same))
}

// ours returns our program with the words of a command, as users call it.
func (y way) ours(words ...string) measure.Contestant {
	return measure.Contestant{Name: measure.Ours, Cmd: slices.Concat([]string{"docker", "multiarch"}, words), Env: y.env}
}

// buildx returns the peer's program with the words of a command, as users call it.
func (y way) buildx(name string, words ...string) measure.Contestant {
	return measure.Contestant{Name: name, Cmd: slices.Concat([]string{"docker", "buildx"}, words), Env: y.env}
}

// builds returns the contestants as users call them.
func (w *world) builds(y way, c scenario) []measure.Contestant {
	return []measure.Contestant{
		y.ours(w.ourBuild(c)...),
		y.buildx(measure.Peer, w.peerBuild(peerBuilder, measure.Peer, c)...),
		y.buildx(measure.Same, w.peerBuild(sameBuilder, measure.Same, c)...),
		{Name: measure.Bare, Cmd: w.bareBuild(y, c, false), Env: y.env},
		{Name: measure.BareIndex, Cmd: w.bareBuild(y, c, true), Env: y.env},
	}
}

// alone returns the contestants without the Docker CLI in front.
func (w *world) alone(who []measure.Contestant) []measure.Contestant {
	who = slices.Clone(who)
	for i, c := range who {
		if program := map[string]string{"docker multiarch": w.plugin, "docker buildx": w.peer}[strings.Join(c.Cmd[:2], " ")]; program != "" {
			who[i].Cmd = append([]string{program}, c.Cmd[2:]...)
		}
	}
	return who
}

func (w *world) ourBuild(c scenario) []string {
	return []string{"build", "--builder", ourBuilder, "--platform", c.platforms, "-t", w.tag(measure.Ours), "--push", c.dir}
}

func (w *world) peerBuild(builder, name string, c scenario) []string {
	return []string{"build", "--builder", builder, "--provenance=false", "--platform", c.platforms, "-t", w.tag(name), "--push", c.dir}
}

func (w *world) bareBuild(y way, c scenario, index bool) []string {
	name := "bare"
	if index {
		name = "bare-index"
	}
	args := slices.Concat([]string{w.bare}, y.bare, []string{"-platforms", c.platforms, "-repository", w.registry + "/bench/" + name})
	if index {
		args = append(args, "-tag", "1")
	}
	return append(args, c.dir)
}

// both returns ours and the peer, with words that they share.
func (y way) both(words func(name string) []string) []measure.Contestant {
	return []measure.Contestant{y.ours(words(measure.Ours)...), y.buildx(measure.Peer, words(measure.Peer)...)}
}

// pair returns ours and the peer's own, with the last words of their build commands.
func (y way) pair(words func(name string) []string) []measure.Contestant {
	return []measure.Contestant{
		y.ours(slices.Concat([]string{"build", "--builder", ourBuilder}, words(measure.Ours))...),
		y.buildx(measure.Peer, slices.Concat([]string{"build", "--builder", peerBuilder, "--provenance=false"}, words(measure.Peer))...),
	}
}

// checkedAndNot returns a build of ours with a check, and with the flag that leaves the check out. Neither has the Docker CLI in front.
func (w *world) checkedAndNot(build []string, off string) []measure.Contestant {
	words, env := slices.Concat([]string{w.plugin}, build), w.ways[0].env
	return []measure.Contestant{
		{Name: measure.Ours, Cmd: words, Env: env},
		{Name: measure.Unchecked, Cmd: slices.Insert(slices.Clone(words), 2, off), Env: env},
	}
}
