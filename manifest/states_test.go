package manifest_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

func TestPublishTellsWhatBecameOfATag(t *testing.T) {
	foreign := []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)
	tagged := faultregistry.TagPut
	for _, tt := range []struct {
		name   string
		before []byte // the body that the tag names before
		fault  faultregistry.Fault
		state  manifest.State
		found  digest.Digest
		err    string
		puts   int
	}{
		{name: "a tag that named something else is moved", before: foreign, state: manifest.Moved, puts: 1},
		{
			name:  "a write that the registry dropped is made once more",
			fault: faultregistry.Fault{Match: tagged, Times: 1, Do: faultregistry.Drop}, state: manifest.Moved, puts: 2,
		},
		{
			name: "a write that changed nothing is made once more", before: foreign,
			fault: faultregistry.Fault{Match: tagged, Times: 1, Do: faultregistry.Drop}, state: manifest.Moved, puts: 2,
		},
		{
			name: "a write that the registry dropped twice is said", fault: faultregistry.Fault{Match: tagged, Do: faultregistry.Drop},
			state: manifest.Unconfirmed, err: "the registry accepted the tag, but does not show it 1m0s later", puts: 2,
		},
		{
			name: "a write that changed nothing twice is said", before: foreign, fault: faultregistry.Fault{Match: tagged, Do: faultregistry.Drop},
			state: manifest.Unconfirmed, found: digest.FromBytes(foreign), err: "still shows " + digest.FromBytes(foreign).String(), puts: 2,
		},
		{
			name: "a tag that somebody else wrote afterwards is told, not hidden",
			fault: faultregistry.Fault{Match: tagged, Do: faultregistry.Then(func(next http.Handler) {
				faultregistry.Put(next, "/v2/app/manifests/v1", ocispecs.MediaTypeImageIndex, foreign)
			})},
			state: manifest.Overwritten, found: digest.FromBytes(foreign), puts: 1,
		},
		{
			name: "an immutable tag is a clear error", before: foreign,
			fault: faultregistry.Fault{Match: tagged, Do: faultregistry.Answer(400, "TAG_INVALID", "the repository is immutable")},
			state: manifest.Failed, err: "400 Bad Request TAG_INVALID: the repository is immutable", puts: 1,
		},
		{
			name:  "a registry without OCI indexes is named as one",
			fault: faultregistry.Fault{Match: tagged, Do: faultregistry.RefuseType(ocispecs.MediaTypeImageIndex)},
			state: manifest.Failed, err: "the registry may not accept OCI media types", puts: 1,
		},
		{
			name:  "a write that failed three times for the moment is moved",
			fault: faultregistry.Fault{Match: tagged, Times: 3, Do: faultregistry.Answer(502, "", "")},
			state: manifest.Moved, puts: 4,
		},
		{
			name:  "a write whose answer was lost is moved",
			fault: faultregistry.Fault{Match: tagged, Times: 1, Do: faultregistry.ResetAfter},
			state: manifest.Moved, puts: 2,
		},
		{
			name:  "a write that the login does not allow fails at once",
			fault: faultregistry.Fault{Match: tagged, Do: faultregistry.Answer(403, "DENIED", "no")},
			state: manifest.Failed, err: "403 Forbidden DENIED: no", puts: 1,
		},
		{
			name:  "a write that is too large fails at once",
			fault: faultregistry.Fault{Match: tagged, Do: faultregistry.Answer(413, "", "")},
			state: manifest.Failed, err: "413 Request Entity Too Large", puts: 1,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			req := request(t, w.push(t, "app", threePlatforms...), w.tag(t, "app:v1"))
			if tt.before != nil {
				w.put(t, "/v2/app/manifests/v1", ocispecs.MediaTypeImageIndex, tt.before)
			}
			if tt.fault.Do != nil {
				w.faults.Add(tt.fault)
			}
			results, err := w.client.Publish(t.Context(), req)
			got := results[0]
			if got.State != tt.state || got.Found != tt.found {
				t.Errorf("got state %q, found %q (%v)", got.State, got.Found, got.Err)
			}
			if (err == nil) != (tt.err == "") || err != nil && (!strings.Contains(err.Error(), tt.err) || !errors.Is(err, got.Err)) {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
			if puts := w.faults.Matching(tagged); len(puts) != tt.puts {
				t.Errorf("got %d writes, want %d: %v", len(puts), tt.puts, puts)
			}
		})
	}
}
