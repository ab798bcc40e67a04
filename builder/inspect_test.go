package builder

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// silent is a driver whose node never answers.
type silent struct{}

func (silent) Connect(ctx context.Context, _ Endpoint, _ Spec, _ func(string)) (*Node, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// managed is a driver whose node exists, but does not run.
type managed struct{ silent }

func (managed) Inspect(context.Context, Endpoint, Depth) ([]Details, error) {
	return []Details{{Status: Status{State: "exited"}}}, nil
}

func (managed) Stop(context.Context, Endpoint) (bool, error) { return false, nil }

func (managed) Remove(context.Context, Endpoint, RemoveOptions) (bool, error)    { return false, nil }
func (managed) Reopen(context.Context, Endpoint, ReopenOptions) ([]*Node, error) { return nil, nil }

func TestANodeThatDoesNotAnswerIsNamedInTimeAndStopsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		drivers := map[string]Driver{"connects": silent{}, "managed": managed{}}
		endpoints := []Endpoint{{Node: "a", Driver: "connects"}, {Node: "b", Driver: "managed"}, {Node: "c", Driver: "none"}}
		known := make([]time.Duration, len(endpoints))
		found := Inspect(t.Context(), drivers, endpoints, Brief, nil, func(i int, n Inspected) {
			if n.Endpoint.Node != endpoints[i].Node {
				t.Errorf("%+v is told of node %d", n, i)
			}
			known[i] = time.Since(begun)
		})
		if !slices.Equal(known, []time.Duration{AnswerWithin, 0, 0}) {
			t.Errorf("the nodes were known after %s", known)
		}
		if took := time.Since(begun); took != AnswerWithin {
			t.Errorf("it took %s", took)
		}
		if err := found[0].Err; !errors.Is(err, errNoAnswer) || found[0].Managed {
			t.Errorf("a: %+v", found[0])
		}
		if n := found[1]; n.Err != nil || !n.Managed || n.Details[0].State != "exited" {
			t.Errorf("b: %+v", n)
		}
		if err := found[2].Err; err == nil || !strings.Contains(err.Error(), `unknown driver "none"`) {
			t.Errorf("c: %v", err)
		}
		if _, err := Reopen(t.Context(), drivers, Endpoint{Driver: "connects"}, ReopenOptions{}); !errors.Is(err, errNoAnswer) {
			t.Errorf("reopened: %v", err)
		}
	})
}

func TestTheErrorOfAnAnswerThatDidNotComeSaysWhatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, answered, end := UntilAnswer(t.Context())
		defer end()
		refused := errors.New("refused")
		if err := NoAnswer(ctx, refused); err.Error() != "refused" {
			t.Errorf("before the time is over: %v", err)
		}
		time.Sleep(AnswerWithin + time.Second)
		for _, tt := range []struct {
			err  error
			want string
		}{
			{refused, "it does not answer within 5s: refused"},
			{ctx.Err(), "it does not answer within 5s"},
			{status.Error(codes.Canceled, "context canceled"), "it does not answer within 5s"},
		} {
			if err := NoAnswer(ctx, tt.err); err.Error() != tt.want {
				t.Errorf("%v: %v", tt.err, err)
			}
		}
		answered()

		ctx, answered, end = UntilAnswer(t.Context())
		answered()
		time.Sleep(2 * AnswerWithin)
		if ctx.Err() != nil {
			t.Error("the context of a node that has answered has ended")
		}
		if end(); ctx.Err() == nil {
			t.Error("the context has not ended")
		}
	})
}
