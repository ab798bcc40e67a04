package solve

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/transfer"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// listener is a Progress that records steps.
type listener struct {
	recorder
	steps []client.Vertex
	bytes []*client.VertexStatus
}

func (l *listener) Status(_ platform.Platform, s *client.SolveStatus) {
	l.bytes = append(l.bytes, s.Statuses...)
	for _, v := range s.Vertexes {
		l.steps = append(l.steps, *v)
	}
}

func TestWorkOfOurOwnThatTakesLongIsShownAsAStep(t *testing.T) {
	var l listener
	p := phase{progress: &l, name: "loading app:1.0 into the engine", began: time.Now()}
	p.show()
	p.end(errors.New("no space left"))
	p.show() // a timer may be late
	if len(l.steps) != 2 || l.steps[0].Completed != nil || l.steps[1].Completed == nil || l.steps[1].Error != "no space left" || l.steps[0].Name != p.name {
		t.Errorf("%+v", l.steps)
	}
}

func TestBytesThatCrossAreShownUntilTheEnd(t *testing.T) {
	var l listener
	layer := ocispecs.Descriptor{Digest: digest.FromString("layer"), Size: 5}
	p := phase{progress: &l, name: "writing app.tar", began: time.Now(), meter: &transfer.Meter{}}
	p.show()
	p.meter.Expect(layer, layer)
	r, err := p.meter.Through(index.Bodies{layer.Digest: []byte("layer")}).Fetch(t.Context(), layer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	p.show()
	if _, err := io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	p.end(nil)
	var got []string
	for _, s := range l.bytes {
		got = append(got, fmt.Sprint(s.Current, "/", s.Total, " ", s.Completed != nil))
	}
	if fmt.Sprint(got) != "[3/5 false 5/5 true]" || l.bytes[0].Vertex != l.steps[0].Digest {
		t.Errorf("%v", got)
	}
}

func TestWorkOfOurOwnThatIsQuickIsNotShown(t *testing.T) {
	var l listener
	failed := errors.New("boom")
	if err := (Env{Progress: &l}).during("loading", func() error { return failed }); !errors.Is(err, failed) || len(l.steps) != 0 {
		t.Errorf("%v, %+v", err, l.steps)
	}
}
