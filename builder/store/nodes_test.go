package store

import (
	"errors"
	"reflect"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// built appends nodes to a new builder.
func built(t *testing.T, nodes ...builder.Endpoint) builder.Builder {
	t.Helper()
	b := builder.Builder{Name: "b"}
	for _, n := range nodes {
		var err error
		if b, _, err = Append(b, n); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func TestNodesAreNamedAndCounted(t *testing.T) {
	b := built(t, builder.Endpoint{Address: "1"}, builder.Endpoint{Node: "b2", Address: "2"}, builder.Endpoint{Address: "3"})
	var err error
	if b, _, err = Leave(b, "b2"); err != nil {
		t.Fatal(err)
	}
	b, last, err := Append(b, builder.Endpoint{Address: "4"})
	if err != nil || last.Node != "b4" || last.Index != 3 {
		t.Errorf("the last is %+v, %v", last, err)
	}
	var got []any
	for _, n := range b.Nodes {
		got = append(got, n.Builder, n.Node, n.Index)
	}
	if want := []any{"b", "b0", 0, "b", "b3", 2, "b", "b4", 3}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestNodesThatCannotJoinChangeOrLeave(t *testing.T) {
	arm, _, _ := platform.Parse("linux/arm64")
	b := built(t, builder.Endpoint{Node: "n", Driver: "docker-container", Address: "1", Options: map[string]string{"memory": "1g"}})
	one := b.Nodes[0]
	var none *NoNodeError
	var same *SameNodeError
	for name, edited := range map[string]struct {
		err error
		as  func(error) bool
	}{
		"a name twice":     {second(Append(b, builder.Endpoint{Node: "n"})), func(err error) bool { return errors.Is(err, ErrNodeExists) }},
		"a node twice":     {second(Append(b, builder.Endpoint{Driver: one.Driver, Address: "1", Options: one.Options})), func(err error) bool { return errors.As(err, &same) }},
		"no such node":     {second(Change(b, builder.Endpoint{Node: "m"})), func(err error) bool { return errors.As(err, &none) && none.Nodes[0] == "n" }},
		"another driver":   {second(Change(b, builder.Endpoint{Node: "n", Driver: "remote"})), func(err error) bool { return err != nil }},
		"the last one":     {second(Leave(b, "n")), func(err error) bool { return errors.Is(err, ErrLastNode) }},
		"one that is none": {second(Leave(b, "m")), func(err error) bool { return errors.As(err, &none) }},
	} {
		if !edited.as(edited.err) {
			t.Errorf("%s: %v", name, edited.err)
		}
	}
	if len(b.Nodes) != 1 || !reflect.DeepEqual(b.Nodes[0], one) {
		t.Errorf("the builder is %+v", b)
	}
	for _, other := range []builder.Endpoint{
		{Driver: one.Driver, Address: "2", Options: one.Options},
		{Driver: one.Driver, Address: "1", Options: map[string]string{"memory": "2g"}},
		{Driver: one.Driver, Address: "1", Options: one.Options, Platforms: arm},
		{Driver: one.Driver, Address: "1", Options: one.Options, Flags: []string{"--debug"}},
	} {
		if _, _, err := Append(b, other); err != nil {
			t.Errorf("%+v: %v", other, err)
		}
	}
}

func second(_ builder.Builder, _ builder.Endpoint, err error) error { return err }

func TestAChangeKeepsWhatIsNotGiven(t *testing.T) {
	arm, _, _ := platform.Parse("linux/arm64")
	b := built(t, builder.Endpoint{Node: "n", Driver: "d", Address: "1", Platforms: arm, Options: map[string]string{"memory": "1g", "image": "i"}, Flags: []string{"--debug"}})
	changed, e, err := Change(b, builder.Endpoint{Node: "n", Address: "2", Options: map[string]string{"memory": "2g"}})
	want := builder.Endpoint{
		Builder: "b", Node: "n", Driver: "d", Address: "2", Platforms: arm, Options: map[string]string{"memory": "2g", "image": "i"}, Flags: []string{"--debug"},
	}
	if err != nil || !reflect.DeepEqual(e, want) || !reflect.DeepEqual(changed.Nodes[0], want) {
		t.Errorf("got %+v, %v", e, err)
	}
	if b.Nodes[0].Address != "1" || b.Nodes[0].Options["memory"] != "1g" {
		t.Errorf("the builder from before is %+v", b.Nodes[0])
	}
}

func TestPlatformsOfSeveralNodesAreFound(t *testing.T) {
	arm, _, _ := platform.Parse("linux/arm64,linux/s390x")
	b := built(t, builder.Endpoint{Address: "1", Platforms: arm[:1]}, builder.Endpoint{Address: "2"}, builder.Endpoint{Address: "3", Platforms: arm})
	shared, nodes := Sharing(b, b.Nodes[2])
	if len(shared) != 1 || !platform.Equal(shared[0], arm[0]) || !reflect.DeepEqual(nodes, []string{"b0"}) {
		t.Errorf("%v, %v", shared, nodes)
	}
}
