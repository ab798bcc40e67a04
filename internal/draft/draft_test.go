package draft_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/draft"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestADraftBecomesAnIndexInTheOrderOfPlatforms(t *testing.T) {
	b := newFixture(t)
	amd, arm := b.image("linux/amd64", "a"), b.image("linux/arm64", "b")
	b.tag("app:amd64", amd)
	b.tag("app:arm64", arm)
	for range 2 { // a repetition changes nothing
		b.check(b.create(false, "app:1", "app:arm64", "app:amd64"))
	}
	_, err := b.annotate("app:1", "app:arm64", draft.PlatformChange{Variant: "v8"})
	b.check(err)
	b.check(b.create(false, "app:1", "app:amd64", "app:arm64"))
	b.check(b.push("app:1", false))
	want := []string{"linux/amd64 " + amd.Digest.String(), "linux/arm64/v8 " + arm.Digest.String()}
	if diff := cmp.Diff(want, b.entries("app:1")); diff != "" {
		t.Error(diff)
	}
	if len(b.notes) > 0 {
		t.Errorf("notes: %q", b.notes)
	}
}

func TestIndexesAreFlattenedAndCopiedWithTheirAttestations(t *testing.T) {
	b := newFixture(t)
	elsewhere, _ := serve(t)
	two := b.attested("linux/arm64", "linux/amd64")
	b.tag(elsewhere+"/other:2", two)
	riscv := b.image("linux/riscv64", "c")
	b.tag("another/repo:1", riscv)
	b.check(b.create(false, "app:1", elsewhere+"/other:2", "another/repo:1"))
	b.check(b.push("app:1", false))
	got := b.entries("app:1")
	if len(got) != 5 {
		t.Fatalf("entries: %q", got)
	}
	for i, beginning := range []string{"linux/amd64 ", "linux/arm64 ", "linux/riscv64 " + riscv.Digest.String()} {
		if !strings.HasPrefix(got[i], beginning) {
			t.Errorf("entry %d is %q, not %q", i, got[i], beginning)
		}
	}
	for i := range 2 {
		_, subject, _ := strings.Cut(got[i], " ")
		if !strings.HasPrefix(got[3+i], "about "+subject) {
			t.Errorf("%q is not about %q", got[3+i], subject)
		}
	}
}

func TestChangesInTheRegistryAreShownAndPushedOnlyOnRequest(t *testing.T) {
	b := newFixture(t)
	b.tag("app:amd64", b.image("linux/amd64", "old"))
	b.tag("app:arm64", b.image("linux/arm64", "b"))
	b.check(b.create(false, "app:1", "app:amd64", "app:arm64"))
	_, err := b.annotate("app:1", "app:amd64", draft.PlatformChange{Variant: "v2"})
	b.check(err)
	now := b.image("linux/amd64", "new")
	b.tag("app:amd64", now)
	var changed *draft.ChangedError
	if err := b.push("app:1", false); !errors.As(err, &changed) || len(changed.Changes) != 1 || changed.Changes[0].Now != now.Digest {
		t.Fatalf("error: %v", err)
	}
	if got := b.entries("app:1"); got != nil {
		t.Errorf("a tag was moved: %q", got)
	}
	b.check(b.push("app:1", true))
	if got := b.entries("app:1"); len(got) != 2 || got[0] != "linux/amd64/v2 "+now.Digest.String() {
		t.Errorf("entries: %q", got)
	}
	d, err := b.drafts.Read(t.Context(), b.list("app:1"))
	if err != nil || d.Pushed == "" || d.Images[0].Children[0].Platform().Variant != "v2" {
		t.Errorf("the draft is %+v (%v)", d, err)
	}
}

func TestAnImageThatIsGoneCannotBePushed(t *testing.T) {
	b := newFixture(t)
	b.tag("app:amd64", b.image("linux/amd64", "a"))
	if err := b.create(false, "app:1", "app:amd64", "app:nope"); !errors.Is(err, draft.ErrNone) || !strings.Contains(err.Error(), "no such manifest: "+b.host+"/app:nope") {
		t.Errorf("error: %v", err)
	}
	if lists := b.drafts.Lists(); len(lists) > 0 {
		t.Errorf("drafts: %q", lists)
	}
	if err := b.push("app:1", false); !errors.Is(err, draft.ErrNone) {
		t.Errorf("error: %v", err)
	}
}

func TestADraftOfOtherImagesIsAmendedOnlyIfThatIsSaid(t *testing.T) {
	b := newFixture(t)
	for _, arch := range []string{"amd64", "arm64", "s390x"} {
		b.tag("app:"+arch, b.image("linux/"+arch, "a"))
	}
	b.check(b.create(false, "app:1", "app:amd64", "app:arm64"))
	var exists *draft.ExistsError
	if err := b.create(false, "app:1", "app:s390x"); !errors.As(err, &exists) {
		t.Fatalf("error: %v", err)
	}
	b.check(b.create(true, "app:1", "app:s390x"))
	b.check(b.push("app:1", false))
	if got := b.entries("app:1"); len(got) != 3 {
		t.Errorf("entries: %q", got)
	}
}

func TestAmendingReadsTheCurrentImageOfAName(t *testing.T) {
	b := newFixture(t)
	b.tag("app:amd64", b.image("linux/amd64", "old"))
	b.tag("app:arm64", b.image("linux/arm64", "a"))
	b.check(b.create(false, "app:1", "app:amd64"))
	now := b.image("linux/amd64", "new")
	b.tag("app:amd64", now)
	b.check(b.create(true, "app:1", "app:amd64", "app:arm64"))
	b.check(b.push("app:1", false))
	if got := b.entries("app:1"); len(got) != 2 || got[0] != "linux/amd64 "+now.Digest.String() {
		t.Errorf("entries: %q", got)
	}
	if len(b.notes) != 1 || !strings.Contains(b.notes[0], "has changed in the registry") {
		t.Errorf("notes: %q", b.notes)
	}
}

func TestImagesOfTwoKindsOfMediaTypesAreRefusedByName(t *testing.T) {
	b := newFixture(t)
	b.tag("app:oci", b.image("linux/amd64", "a"))
	b.tag("app:docker", b.put(manifest.MediaTypeDockerManifest, ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: manifest.MediaTypeDockerManifest,
		Config: b.put("application/vnd.docker.container.image.v1+json", ocispecs.Image{Platform: ocispecs.Platform{OS: "linux", Architecture: "arm64"}}),
	}))
	b.check(b.create(false, "app:1", "app:oci", "app:docker"))
	var family *manifest.FamilyError
	if err := b.push("app:1", false); !errors.As(err, &family) || len(family.Children) != 1 || b.entries("app:1") != nil {
		t.Errorf("error: %v", err)
	}
	b.check(b.create(false, "app:2", "app:docker"))
	b.check(b.push("app:2", false))
	root, _, err := b.client.Source(t.Context(), b.list("app:2"))
	if err != nil || root.MediaType != manifest.MediaTypeDockerList {
		t.Errorf("the list of Docker images is %q (%v)", root.MediaType, err)
	}
}

func TestAPushedDraftIsReplacedOrContinued(t *testing.T) {
	b := newFixture(t)
	for _, tag := range []string{"1-amd64", "1-arm64", "2-amd64"} {
		b.tag("app:"+tag, b.image("linux/"+tag[2:], tag))
	}
	b.check(b.create(false, "app:1", "app:1-amd64", "app:1-arm64"))
	b.check(b.push("app:1", false))
	b.check(b.push("app:1", false)) // a pushed draft can be pushed again
	b.check(b.create(true, "app:1", "app:2-amd64"))
	b.check(b.push("app:1", false))
	want := []string{"linux/amd64 " + b.image("linux/amd64", "2-amd64").Digest.String(), "linux/arm64 " + b.image("linux/arm64", "1-arm64").Digest.String()}
	if diff := cmp.Diff(want, b.entries("app:1")); diff != "" {
		t.Error(diff)
	}
	if len(b.notes) != 1 || !strings.Contains(b.notes[0], "takes the place") {
		t.Errorf("notes: %q", b.notes)
	}
	b.check(b.create(false, "app:1", "app:1-arm64"))
	b.check(b.push("app:1", false))
	if got := b.entries("app:1"); len(got) != 1 {
		t.Errorf("entries: %q", got)
	}
}

func TestTwoImagesForOnePlatformAreNotPushed(t *testing.T) {
	b := newFixture(t)
	b.tag("app:v6", b.image("linux/arm", "a"))
	b.tag("app:v7", b.image("linux/arm", "b"))
	b.check(b.create(false, "app:1", "app:v6", "app:v7"))
	if len(b.notes) != 1 || !strings.Contains(b.notes[0], "two images for linux/arm/v7") {
		t.Errorf("notes: %q", b.notes)
	}
	var double *draft.DuplicateError
	if err := b.push("app:1", false); !errors.As(err, &double) || b.entries("app:1") != nil {
		t.Fatalf("error: %v", err)
	}
	_, err := b.annotate("app:1", "app:v6", draft.PlatformChange{Variant: "6"})
	b.check(err)
	b.check(b.push("app:1", false))
	if got := b.entries("app:1"); len(got) != 2 || !strings.HasPrefix(got[0], "linux/arm/v6 ") {
		t.Errorf("entries: %q", got)
	}
}

func TestAnImageThatComesByTwoNamesIsListedOnce(t *testing.T) {
	b := newFixture(t)
	b.tag("app:both", b.attested("linux/arm64", "linux/amd64"))
	b.tag("app:amd64", b.image("linux/amd64", "attested"))
	b.check(b.create(false, "app:1", "app:both", "app:amd64"))
	b.check(b.push("app:1", false))
	if got := b.entries("app:1"); len(got) != 4 || len(b.notes) > 0 {
		t.Errorf("entries: %q, notes: %q", got, b.notes)
	}
}

func TestAnnotationsAreNormalisedAndMayNotContradictTheImage(t *testing.T) {
	for _, tt := range []struct {
		config      string
		a           draft.PlatformChange
		want, note  string
		contradicts bool
		invalid     bool
	}{
		{config: "linux/amd64", a: draft.PlatformChange{Arch: "x86_64"}, want: "linux/amd64", note: `"x86_64" is written as "amd64"`},
		{config: "linux/arm64", a: draft.PlatformChange{Arch: "aarch64", Variant: "v8"}, want: "linux/arm64", note: `"aarch64" is written as "arm64"`},
		{config: "linux/arm64", a: draft.PlatformChange{Arch: "x86_64"}, contradicts: true},
		{config: "linux/arm64", a: draft.PlatformChange{Arch: "x86_64", Force: true}, want: "linux/amd64", note: "amd64"},
		{config: "linux/arm/v7", a: draft.PlatformChange{Variant: "v6"}, contradicts: true},
		{config: "linux/arm/v7", a: draft.PlatformChange{Arch: "amd64", Force: true}, want: "linux/amd64"},
		{config: "linux/arm", a: draft.PlatformChange{Variant: "v6"}, want: "linux/arm/v6"},
		{config: "linux/arm", a: draft.PlatformChange{Arch: "armhf"}, want: "linux/arm/v7", note: "arm/v7"},
		{config: "linux/amd64", a: draft.PlatformChange{OS: "windows"}, contradicts: true},
		{config: "windows/amd64", a: draft.PlatformChange{OSVersion: "10.0.17763", OSFeatures: []string{"win32k"}}, want: "windows(10.0.17763+win32k)/amd64"},
		{config: "linux/amd64", a: draft.PlatformChange{Arch: "sparc"}, invalid: true},
		{config: "linux/amd64", a: draft.PlatformChange{OS: "dos", Force: true}, invalid: true},
		{config: "linux/amd64", a: draft.PlatformChange{Variant: "v99"}, invalid: true},
		{config: "/", a: draft.PlatformChange{OS: "linux", Arch: "s390x"}, want: "linux/s390x"},
		{config: "/", a: draft.PlatformChange{Arch: "s390x"}, invalid: true},
	} {
		t.Run(tt.config+fmt.Sprint(tt.a), func(t *testing.T) {
			b := newFixture(t)
			b.tag("app:child", b.image(tt.config, "a"))
			b.check(b.create(false, "app:1", "app:child"))
			notes, err := b.annotate("app:1", "app:child", tt.a)
			var contradiction *draft.ContradictionError
			if errors.As(err, &contradiction) != tt.contradicts || errors.Is(err, platform.ErrInvalid) != tt.invalid {
				t.Fatalf("error: %v", err)
			}
			if !strings.Contains(strings.Join(notes, "\n"), tt.note) || (tt.note == "") != (len(notes) == 0) && tt.a.Variant == "" {
				t.Errorf("notes: %q", notes)
			}
			d, err := b.drafts.Read(t.Context(), b.list("app:1"))
			b.check(err)
			if got := d.Images[0].Children[0].Platform(); tt.want != "" && platform.Format(got) != tt.want {
				t.Errorf("platform %+v, not %s", got, tt.want)
			}
			if d.Images[0].Children[0].Annotated != nil && tt.want == "" {
				t.Error("something of a refused annotation was kept")
			}
		})
	}
}

func TestAnImageOfAnIndexIsAnnotatedByItsDigest(t *testing.T) {
	b := newFixture(t)
	b.tag("app:both", b.attested("linux/arm64", "linux/amd64"))
	b.check(b.create(false, "app:1", "app:both"))
	if _, err := b.annotate("app:1", "app:both", draft.PlatformChange{Variant: "v2"}); err == nil || !strings.Contains(err.Error(), "by its digest") {
		t.Errorf("error: %v", err)
	}
	amd := b.image("linux/amd64", "attested").Digest.String()
	if _, err := b.annotate("app:1", "app:other", draft.PlatformChange{Variant: "v2"}); !errors.Is(err, draft.ErrNone) {
		t.Errorf("error: %v", err)
	}
	ref, err := parseDigest(b.host + "/app@" + amd)
	b.check(err)
	_, err = b.drafts.Annotate(t.Context(), b.list("app:1"), ref, draft.PlatformChange{Variant: "v2"})
	b.check(err)
	b.check(b.push("app:1", false))
	if got := b.entries("app:1"); got[0] != "linux/amd64/v2 "+amd {
		t.Errorf("entries: %q", got)
	}
}

func TestABrokenDraftIsPutAsideAndNeverWrittenOver(t *testing.T) {
	for _, text := range []string{"", "{", `{"version":1}`, `{"version":1,"list":"example.com/other:1","images":[]}`} {
		b := newFixture(t)
		b.tag("app:amd64", b.image("linux/amd64", "a"))
		b.check(b.create(false, "app:1", "app:amd64"))
		files, _ := filepath.Glob(filepath.Join(b.drafts.Dir, "*.json"))
		b.check(os.WriteFile(files[0], []byte(text), 0o600))
		var corrupt *draft.CorruptError
		if err := b.push("app:1", false); !errors.As(err, &corrupt) {
			t.Fatalf("%q: error: %v", text, err)
		}
		if kept, err := os.ReadFile(corrupt.Path); err != nil || string(kept) != text {
			t.Errorf("%q became %q (%v)", text, kept, err)
		}
		if err := b.push("app:1", false); !errors.Is(err, draft.ErrNone) {
			t.Errorf("%q: error: %v", text, err)
		}
		b.check(os.WriteFile(files[0], []byte(text), 0o600))
		b.check(b.create(false, "app:1", "app:amd64"))
		if len(b.notes) != 1 || !strings.Contains(b.notes[0], corrupt.Path+"-2") {
			t.Errorf("notes: %q", b.notes)
		}
	}
}

func TestADraftOfANewerProgramIsLeftAlone(t *testing.T) {
	b := newFixture(t)
	b.tag("app:amd64", b.image("linux/amd64", "a"))
	b.check(b.create(false, "app:1", "app:amd64"))
	files, _ := filepath.Glob(filepath.Join(b.drafts.Dir, "*.json"))
	b.check(os.WriteFile(files[0], []byte(`{"version":2}`), 0o600))
	if err := b.create(false, "app:1", "app:amd64"); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("error: %v", err)
	}
	if text, _ := os.ReadFile(files[0]); string(text) != `{"version":2}` {
		t.Errorf("it became %q", text)
	}
}

func TestWritersAtTheSameTimeLoseNothing(t *testing.T) {
	b := newFixture(t)
	archs := []string{"amd64", "arm64", "s390x", "riscv64", "ppc64le", "386"}
	var writers sync.WaitGroup
	for _, arch := range archs {
		b.tag("app:"+arch, b.image("linux/"+arch, "a"))
	}
	for _, arch := range archs {
		writers.Go(func() {
			if err := b.create(true, "app:1", "app:"+arch); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	b.check(b.push("app:1", false))
	if got := b.entries("app:1"); len(got) != len(archs) {
		t.Errorf("entries: %q", got)
	}
}

func TestADraftThatIsChangedDuringThePushStaysAsItIs(t *testing.T) {
	b := newFixture(t)
	b.tag("app:amd64", b.image("linux/amd64", "a"))
	b.check(b.create(false, "app:1", "app:amd64"))
	ready, err := b.drafts.Prepare(t.Context(), b.client, draft.PushRequest{List: b.list("app:1"), Note: b.note})
	b.check(err)
	_, err = b.annotate("app:1", "app:amd64", draft.PlatformChange{Variant: "v3"})
	b.check(err)
	changed, err := b.drafts.Done(t.Context(), ready, true)
	if err != nil || !changed {
		t.Errorf("changed: %v (%v)", changed, err)
	}
	if _, err := b.drafts.Read(t.Context(), b.list("app:1")); err != nil {
		t.Error(err)
	}
}

func TestContentThatIsNotAnImageIsRefused(t *testing.T) {
	b := newFixture(t)
	b.tag("app:chart", b.put(ocispecs.MediaTypeImageManifest, ocispecs.Manifest{
		MediaType: ocispecs.MediaTypeImageManifest, ArtifactType: "application/vnd.example", Config: b.put(ocispecs.MediaTypeEmptyJSON, struct{}{}),
	}))
	if err := b.create(false, "app:1", "app:chart"); err == nil || !strings.Contains(err.Error(), "is not an image") {
		t.Errorf("error: %v", err)
	}
}
