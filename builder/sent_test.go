package builder

import (
	"context"
	"testing"
)

type printing string

func (p printing) Run(context.Context, string) ([]byte, error) { return []byte(p), nil }

func TestTheBytesThatBuildKitHasWrittenAreAddedUp(t *testing.T) {
	const one = "rchar: 5\nwchar: 10\nsyscr: 1\nwrite_bytes: 4096\n"
	for text, want := range map[string]int64{one: 10, one + "wchar: 32\n": 42, "": -1, "wchar: x\n": -1, "rchar: 1\n": -1} {
		n := &Node{Abilities: Abilities{Shell: printing(text)}}
		if got, err := n.Sent(t.Context()); (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q: got %d, %v", text, got, err)
		}
	}
}
