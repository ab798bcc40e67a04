package sink

import (
	"fmt"
	"testing"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"
)

func TestRefusableDestinationsAreCommittedFirst(t *testing.T) {
	name, err := reference.ParseNormalizedNamed("example.com/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	d := Delivery{
		Tags: []reference.NamedTagged{name.(reference.NamedTagged)}, ByDigest: []reference.Named{reference.TrimNamed(name)},
		Outputs: Outputs{List: []Output{Load{}, Files{Dest: "f"}, Archive{Dest: "a.tar"}, Archive{Dest: "b", Folder: true}}},
	}
	var got []string
	for _, s := range d.Sinks(Env{}, &StagedFiles{}, Result{}) {
		got = append(got, fmt.Sprintf("%T", s))
	}
	want := []string{"*sink.untagged", "*sink.tags", "*sink.archiveFile", "*sink.archiveFolder", "*sink.engineStore", "*sink.StagedFiles"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
