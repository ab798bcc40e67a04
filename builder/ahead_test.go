package builder

import (
	"errors"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestAnAnswerAheadIsGivenOnceAndOnlyForWhatWasAsked(t *testing.T) {
	asked, _, err := platform.Parse("linux/amd64,linux/arm64")
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := platform.Parse("linux/amd64,linux/s390x")
	if err != nil {
		t.Fatal(err)
	}
	answered := func(p probed) *Ahead {
		a := &Ahead{platforms: asked, answer: make(chan probed, 1)}
		a.answer <- p
		return a
	}

	a := answered(probed{status: emulation.Status{Kernel: "6.1"}})
	if _, ok := a.take(other); ok {
		t.Error("an answer for platforms that were not asked about")
	}
	if got, ok := a.take(asked); !ok || got.Kernel != "6.1" {
		t.Errorf("got %+v, %v", got, ok)
	}
	if _, ok := a.take(asked); ok {
		t.Error("the same answer twice, though something may have changed")
	}
	if _, ok := answered(probed{err: errors.New("the container has gone")}).take(asked); ok {
		t.Error("a failure was given for an answer")
	}
	if _, ok := ProbeAhead(t.Context(), nil, nil).take(asked); ok {
		t.Error("an answer though no container was asked")
	}
}
