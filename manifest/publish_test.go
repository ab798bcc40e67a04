package manifest_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

var threePlatforms = []string{"linux/amd64", "linux/arm64", "linux/arm/v7"}

func TestPublishKnowsEveryChildBeforeItWritesEachTagOnce(t *testing.T) {
	w := newWorld(t, nil, nil)
	children := w.push(t, "app", threePlatforms...)
	w.push(t, "other/app", threePlatforms...)
	req := request(t, children, w.tag(t, "app:v1"), w.tag(t, "app:latest"), w.tag(t, "other/app:v1"))
	results, err := w.client.Publish(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	want := []manifest.TagResult{
		{Ref: w.host + "/app:v1", Digest: req.Descriptor.Digest, State: manifest.Moved},
		{Ref: w.host + "/app:latest", Digest: req.Descriptor.Digest, State: manifest.Moved},
		{Ref: w.host + "/other/app:v1", Digest: req.Descriptor.Digest, State: manifest.Moved},
	}
	if diff := cmp.Diff(want, results); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	assertChildrenBeforeTags(t, w, 2*len(children))
	puts := []string{"PUT /v2/app/manifests/v1 201", "PUT /v2/app/manifests/latest 201", "PUT /v2/other/app/manifests/v1 201"}
	if diff := cmp.Diff(puts, w.faults.Matching(faultregistry.TagPut)); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	if got := w.get("other/app", "v1"); got != req.Descriptor.Digest {
		t.Errorf("the tag names %s, want %s", got, req.Descriptor.Digest)
	}
}

// assertChildrenBeforeTags checks the log: the given number of children was found before the first write of a tag, and none
// later.
func assertChildrenBeforeTags(t *testing.T, w world, children int) {
	t.Helper()
	found, written := 0, false
	for _, r := range w.faults.Requests() {
		switch {
		case faultregistry.TagPut(r.Method, r.Path):
			if found != children {
				t.Fatalf("%s came after %d children, want %d", r, found, children)
			}
			written = true
		case faultregistry.ChildRead(r.Method, r.Path) && r.Status == http.StatusOK:
			if written {
				t.Fatalf("%s came after a tag was written", r)
			}
			found++
		}
	}
	if !written {
		t.Fatal("no tag was written")
	}
}

func TestPublishDoesNotAskAgainForChildrenThatWereRead(t *testing.T) {
	w := newWorld(t, nil, nil)
	children := w.push(t, "app", threePlatforms...)
	req := request(t, children, w.tag(t, "app:v1"))
	for _, c := range children {
		image, err := w.client.Child(t.Context(), req.Targets[0], c.Digest)
		if err != nil {
			t.Fatal(err)
		}
		req.Seen = append(req.Seen, image)
	}
	w.faults.Forget()
	if _, err := w.client.Publish(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	want := []string{"HEAD /v2/app/manifests/v1 404", "PUT /v2/app/manifests/v1 201", "HEAD /v2/app/manifests/v1 200"}
	if diff := cmp.Diff(want, w.faults.Matching(faultregistry.On("", ""))); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestPublishMovesNoTagWhenAChildIsMissingInOneRepository(t *testing.T) {
	w := newWorld(t, nil, nil)
	children := w.push(t, "app", threePlatforms...)
	w.push(t, "other/app", threePlatforms[:2]...)
	req := request(t, children, w.tag(t, "app:v1"), w.tag(t, "other/app:v1"))
	results, err := w.client.Publish(t.Context(), req)
	if !errors.Is(err, manifest.ErrNotFound) || !strings.Contains(err.Error(), "other/app@"+children[2].Digest.String()) {
		t.Errorf("got %v, want the missing child", err)
	}
	if diff := cmp.Diff([]manifest.State{manifest.Untouched, manifest.Untouched}, states(results)); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	if puts := w.faults.Matching(faultregistry.On(http.MethodPut, "")); len(puts) > 0 {
		t.Errorf("written: %v", puts)
	}
	if total := w.clock.total().Seconds(); total != 60 {
		t.Errorf("waited %v s for the child, want 60", total)
	}
}

func TestPublishWaitsForARegistryThatShowsItsWritesLate(t *testing.T) {
	w := newWorld(t, nil, nil)
	children := w.push(t, "app", threePlatforms...)
	w.faults.Add(faultregistry.Fault{Match: faultregistry.ChildRead, Times: 5, Do: faultregistry.Hide})
	w.faults.Add(faultregistry.Fault{Match: faultregistry.TagRead, Skip: 1, Times: 3, Do: faultregistry.Hide})
	results, err := w.client.Publish(t.Context(), request(t, children, w.tag(t, "app:v1")))
	if err != nil || results[0].State != manifest.Moved {
		t.Fatalf("got %v, %v", results, err)
	}
	assertChildrenBeforeTags(t, w, len(children))
}

func TestPublishDoesNotWriteATagThatNamesTheDigestAlready(t *testing.T) {
	w := newWorld(t, nil, nil)
	req := request(t, w.push(t, "app", threePlatforms...), w.tag(t, "app:v1"), w.tag(t, "app:v2"), w.tag(t, "app:v1"))
	w.faults.Add(faultregistry.Fault{Match: faultregistry.TagPut, Do: faultregistry.Immutable()})
	for i, want := range [][]manifest.State{{manifest.Moved, manifest.Moved}, {manifest.Already, manifest.Already}} {
		results, err := w.client.Publish(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, states(results)); diff != "" {
			t.Errorf("run %d (-want +got):\n%s", i, diff)
		}
	}
	if puts := w.faults.Matching(faultregistry.TagPut); len(puts) != 2 {
		t.Errorf("writes: %v", puts)
	}
}

func TestPublishTakesAWriteForDoneWhenItsAnswerWasLostAndTheTagIsImmutable(t *testing.T) {
	w := newWorld(t, nil, nil)
	req := request(t, w.push(t, "app", threePlatforms...), w.tag(t, "app:v1"))
	w.faults.Add(faultregistry.Fault{Match: faultregistry.TagPut, Times: 1, Do: faultregistry.ResetAfter})
	w.faults.Add(faultregistry.Fault{Match: faultregistry.TagPut, Do: faultregistry.Answer(400, "TAG_INVALID", "immutable")})
	results, err := w.client.Publish(t.Context(), req)
	if err != nil || results[0].State != manifest.Moved {
		t.Errorf("got %v, %v", results, err)
	}
}

func TestPublishMovesNoTagAfterOneThatFailed(t *testing.T) {
	w := newWorld(t, nil, nil)
	req := request(t, w.push(t, "app", threePlatforms...), w.tag(t, "app:a"), w.tag(t, "app:b"), w.tag(t, "app:c"))
	w.faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodPut, "/manifests/b"), Do: faultregistry.Answer(403, "DENIED", "protected")})
	results, err := w.client.Publish(t.Context(), req)
	if !errors.Is(err, manifest.ErrDenied) {
		t.Errorf("got %v, want ErrDenied", err)
	}
	if diff := cmp.Diff([]manifest.State{manifest.Moved, manifest.Failed, manifest.Untouched}, states(results)); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

func TestPublishTouchesNothingWhenOneOfTwoRegistriesIsGone(t *testing.T) {
	w, gone := newWorld(t, nil, nil), newWorld(t, nil, nil)
	gone.faults.Add(faultregistry.Fault{Do: faultregistry.Answer(503, "", "")})
	req := request(t, w.push(t, "app", threePlatforms...), w.tag(t, "app:v1"), gone.tag(t, "app:v1"))
	results, err := w.client.Publish(t.Context(), req)
	if !errors.Is(err, manifest.ErrUnreachable) || !strings.Contains(err.Error(), gone.host) {
		t.Errorf("got %v, want %s unreachable", err, gone.host)
	}
	if diff := cmp.Diff([]manifest.State{manifest.Untouched, manifest.Untouched}, states(results)); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	if puts := w.faults.Matching(faultregistry.TagPut); len(puts) > 0 {
		t.Errorf("written: %v", puts)
	}
}

func TestPublishStopsBetweenTwoTagsWhenTheContextEnds(t *testing.T) {
	w := newWorld(t, nil, nil)
	req := request(t, w.push(t, "app", threePlatforms...), w.tag(t, "app:a"), w.tag(t, "app:b"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.faults.Add(faultregistry.Fault{Match: faultregistry.TagPut, Do: faultregistry.Then(func(http.Handler) { cancel() })})
	results, err := w.client.Publish(ctx, req)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if results[1].State != manifest.Untouched || !errors.Is(results[1].Err, context.Canceled) {
		t.Errorf("the second tag is %+v", results[1])
	}
	if puts := w.faults.Matching(faultregistry.TagPut); len(puts) != 1 {
		t.Errorf("writes: %v", puts)
	}
}

func TestPublishMovesNothingWhenTheContextEndsWhileItWaitsForAChild(t *testing.T) {
	w := newWorld(t, nil, nil)
	req := request(t, w.push(t, "app", threePlatforms...), w.tag(t, "app:a"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.faults.Add(faultregistry.Fault{Match: faultregistry.ChildRead, Do: faultregistry.Hide})
	w.clock.onNap = cancel
	if _, err := w.client.Publish(ctx, req); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if puts := w.faults.Matching(faultregistry.TagPut); len(puts) != 0 {
		t.Errorf("writes: %v", puts)
	}
}

func TestPublishMovesATagToASingleImage(t *testing.T) {
	w := newWorld(t, nil, nil)
	desc, body := image(t, manifest.MediaTypeDockerManifest, "linux/amd64")
	w.put(t, "/v2/app/manifests/"+desc.Digest.String(), desc.MediaType, body)
	results, err := w.client.Publish(t.Context(), manifest.PublishRequest{
		Targets: []reference.NamedTagged{w.tag(t, "app:v1")}, Descriptor: desc, Body: body,
	})
	if err != nil || results[0].State != manifest.Moved || w.get("app", "v1") != desc.Digest {
		t.Errorf("got %v, %v", results, err)
	}
	assertChildrenBeforeTags(t, w, 1)
}

func TestPublishRefusesARequestThatMakesNoSense(t *testing.T) {
	w := newWorld(t, nil, nil)
	good := request(t, w.push(t, "app", threePlatforms...), w.tag(t, "app:v1"))
	for _, tt := range []struct {
		name   string
		change func(*manifest.PublishRequest)
		want   string
	}{
		{"no target", func(r *manifest.PublishRequest) { r.Targets = nil }, "no tag to move"},
		{"another body", func(r *manifest.PublishRequest) { r.Body = append(slices.Clone(r.Body), '\n') }, "the body is sha256:"},
		{"a media type that is no manifest", func(r *manifest.PublishRequest) { r.Descriptor.MediaType = "text/plain" }, "neither an index nor"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := good
			tt.change(&req)
			if _, err := w.client.Publish(t.Context(), req); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if requests := w.faults.Requests(); len(requests) != 0 {
		t.Errorf("the registry was asked: %v", requests)
	}
}
