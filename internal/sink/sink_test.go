package sink

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// step is a sink that records its calls, and fails at one of them.
type step struct {
	name, fails string
	told        *[]string
}

func (s step) do(what string) error {
	*s.told = append(*s.told, what+" "+s.name)
	if s.fails == what {
		return errors.New(what)
	}
	return nil
}

func (s step) Prepare(context.Context) error { return s.do("prepare") }
func (s step) Abort(context.Context)         { _ = s.do("abort") }

func (s step) Commit(_ context.Context, done *Done) error {
	done.Written = append(done.Written, s.name)
	return s.do("commit")
}

func TestNothingIsNamedBeforeEverySinkIsPreparedAndUnnamedContentIsRemoved(t *testing.T) {
	for fails, want := range map[string]struct{ told, written []string }{
		"": {
			[]string{"prepare a", "prepare b", "prepare c", "commit a", "commit b", "commit c"},
			[]string{"a", "b", "c"},
		},
		"prepare": {[]string{"prepare a", "prepare b", "abort a", "abort b", "abort c"}, nil},
		"commit": {
			[]string{"prepare a", "prepare b", "prepare c", "commit a", "commit b", "abort b", "abort c"},
			[]string{"a", "b"},
		},
	} {
		t.Run(fmt.Sprintf("b fails to %q", fails), func(t *testing.T) {
			var told []string
			done, err := Deliver(t.Context(), []Sink{step{"a", "", &told}, step{"b", fails, &told}, step{"c", "", &told}})
			if (err == nil) != (fails == "") {
				t.Error(err)
			}
			if diff := cmp.Diff(want.told, told) + cmp.Diff(want.written, done.Written); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
