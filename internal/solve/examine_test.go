package solve

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// program returns a layer with a file /app: the beginning of an ELF program for a machine of <elf.h>, followed by more.
func program(t *testing.T, machine byte, more ...byte) []byte {
	t.Helper()
	head := append(make([]byte, 64), more...)
	copy(head, "\x7fELF\x02\x01\x01")
	head[16], head[18], head[20], head[52] = 2, machine, 1, 64
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	files := tar.NewWriter(zipped)
	if err := files.WriteHeader(&tar.Header{Name: "app", Mode: 0o755, Size: int64(len(head))}); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Write(head); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(files.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

const emAMD64, emARM64 = 62, 183 // EM_X86_64, EM_AARCH64

func verifiedWorld(t *testing.T, machines map[string]byte) *harness {
	w := newHarness(t, "FROM scratch\nCOPY hello /app\nENTRYPOINT [\"/app\"]\n")
	w.platforms("linux/amd64,linux/arm64")
	w.req.Verify = &gate.Options{Mode: gate.Strict}
	w.Layer = func(p platform.Platform) []byte { return program(t, machines[p.Architecture]) }
	return w
}

func TestAnImageForAnotherMachineMovesNoTag(t *testing.T) {
	for name, outputs := range map[string]func(*harness){
		"pushed": func(*harness) {},
		"archived": func(w *harness) {
			w.req.Tags, w.req.Outputs.List = nil, []sink.Output{sink.Archive{Dest: t.TempDir() + "/a.tar"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := verifiedWorld(t, map[string]byte{"amd64": emAMD64, "arm64": emAMD64})
			outputs(w)
			rep, err := w.run()
			refused, ok := errors.AsType[*gate.RefusedError](err)
			if !ok || len(refused.Findings) == 0 {
				t.Fatalf("%v, want a refusal", err)
			}
			if f := refused.Findings[0]; f.Platform() != "linux/arm64" || f.Path != "/app" || f.Line != 2 || f.Machine != "amd64" || f.Wanted != "arm64" {
				t.Errorf("%+v, want /app of linux/arm64, made by line 2, amd64 instead of arm64", f)
			}
			if rep.Platforms[0].Verify.Verdict != gate.OK || rep.Platforms[1].Verify.Verdict != gate.Refused {
				t.Errorf("%s and %s, want ok and refused", rep.Platforms[0].Verify.Verdict, rep.Platforms[1].Verify.Verdict)
			}
			if len(rep.Tags)+len(rep.Written) > 0 || w.tagged("app:v1") != "" {
				t.Errorf("tags %v, files %v, want none", rep.Tags, rep.Written)
			}
		})
	}
}

func TestWhatIsExaminedOnceIsNotReadAgain(t *testing.T) {
	w := verifiedWorld(t, map[string]byte{"amd64": emAMD64, "arm64": emARM64})
	w.env.Listings = t.TempDir()
	w.mustRun()
	before := w.Fetched()
	if before == 0 {
		t.Fatal("nothing was examined")
	}
	w.mustRun()
	if again := w.Fetched() - before; again != 0 {
		t.Errorf("%d layers were read again", again)
	}
}

func TestALargeLayerIsReadFromARegistryOnThisMachine(t *testing.T) {
	w := verifiedWorld(t, map[string]byte{"amd64": emAMD64, "arm64": emARM64})
	more := make([]byte, 1<<20+1)
	_, _ = rand.NewChaCha8([32]byte{}).Read(more) // never fails
	w.Layer = func(p platform.Platform) []byte {
		return program(t, map[string]byte{"amd64": emAMD64, "arm64": emARM64}[p.Architecture], more...)
	}
	rep := w.mustRun()
	if got := rep.Platforms[0].Verify; got.Verdict != gate.OK || got.Files != 1 {
		t.Errorf("%+v, want one program that is well", got)
	}
	if n := w.Fetched(); n != 0 {
		t.Errorf("%d layers were read from the builder", n)
	}
}

func TestTheSameFilesForTwoPlatformsAreMentioned(t *testing.T) {
	w := verifiedWorld(t, map[string]byte{"amd64": emAMD64, "arm64": emAMD64})
	w.req.Verify = &gate.Options{Allow: []string{"/app"}}
	rep := w.mustRun()
	var checks []string
	for _, f := range rep.Platforms[1].Verify.Findings {
		checks = append(checks, f.Check)
	}
	if diff := cmp.Diff([]string{gate.CheckSameLayers}, checks); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnAllowanceThatMatchesNothingAnywhereIsSaid(t *testing.T) {
	w := verifiedWorld(t, map[string]byte{"amd64": emAMD64, "arm64": emAMD64})
	w.req.Verify = &gate.Options{Mode: gate.Strict, Allow: []string{"/app", "/opt/**"}}
	w.mustRun()
	want := []string{`warning: the allowed pattern "/opt/**" matches no executable of any platform`}
	if diff := cmp.Diff(want, w.progress.notes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
