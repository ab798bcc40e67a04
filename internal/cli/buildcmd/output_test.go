package buildcmd

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/buildflags"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/load"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// words parses build's flags up to the request.
func words(t *testing.T, args ...string) (job, error) {
	t.Helper()
	s := newHarness(t)
	j, err := parseBuild(t.Context(), s.Env, parsed(t, append(args, ".")...))
	if err == nil {
		t.Cleanup(j.release)
	}
	return j, err
}

func TestOutputsInDockerBuildxsWords(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "x.tar")
	arm := platform.Platform{OS: "linux", Architecture: "arm64"}
	type result struct {
		Tags, ByDigest int
		Outputs        sink.Outputs
		Family         manifest.Family
	}
	none := map[string]string{}
	for name, tt := range map[string]struct {
		args []string
		want result
	}{
		"--push":                         {[]string{"-t", "a/b", "--push"}, result{Tags: 1, Outputs: sink.Outputs{Attrs: none}}},
		"--load":                         {[]string{"--load"}, result{Outputs: sink.Outputs{List: []sink.Output{sink.Load{}}, Attrs: none}}},
		"--load=true":                    {[]string{"--load=true"}, result{Outputs: sink.Outputs{List: []sink.Output{sink.Load{}}, Attrs: none}}},
		"--load=false --push":            {[]string{"-t", "a/b", "--load=false", "--push"}, result{Tags: 1, Outputs: sink.Outputs{Attrs: none}}},
		"--load=all":                     {[]string{"--load=all"}, result{Outputs: sink.Outputs{List: []sink.Output{sink.Load{}}, Attrs: none}}},
		"--load=native":                  {[]string{"--load=native"}, result{Outputs: sink.Outputs{List: []sink.Output{sink.Load{Selection: load.Selection{Native: true}}}, Attrs: none}}},
		"--load=PLATFORM":                {[]string{"--load=aarch64", "--platform", "arm64,amd64"}, result{Outputs: sink.Outputs{List: []sink.Output{sink.Load{Selection: load.Selection{Platforms: []platform.Platform{arm}}}}, Attrs: none}}},
		"type=docker":                    {[]string{"-o", "type=docker"}, result{Outputs: sink.Outputs{List: []sink.Output{sink.Load{}}, Attrs: none}}},
		"type=docker and --load":         {[]string{"-o", "type=docker", "--load"}, result{Outputs: sink.Outputs{List: []sink.Output{sink.Load{}}, Attrs: none}}},
		"type=docker,dest":               {[]string{"-o", "type=docker,dest=" + file}, result{Outputs: sink.Outputs{List: []sink.Output{sink.Archive{Docker: true, Dest: file}}, Attrs: none}}},
		"type=oci on stdout":             {[]string{"-o", "type=oci"}, result{Outputs: sink.Outputs{List: []sink.Output{sink.Archive{Dest: "-"}}, Attrs: none}}},
		"type=oci,tar=false":             {[]string{"-o", "type=oci,tar=false,dest=" + dir}, result{Outputs: sink.Outputs{List: []sink.Output{sink.Archive{Folder: true, Dest: dir}}, Attrs: none}}},
		"a path":                         {[]string{"-o", dir}, result{Outputs: sink.Outputs{List: []sink.Output{sink.Files{Dest: dir, Attrs: none}}, Attrs: none}}},
		"-":                              {[]string{"-o", "-"}, result{Outputs: sink.Outputs{List: []sink.Output{sink.Files{Tar: true, Dest: "-", Attrs: none}}, Attrs: none}}},
		"local with attributes":          {[]string{"-o", "type=local,mode=delete,dest=" + dir, "--allow", "buildx.local.delete"}, result{Outputs: sink.Outputs{List: []sink.Output{sink.Files{Dest: dir, Delete: true, Attrs: none}}, Attrs: none}}},
		"type=registry":                  {[]string{"-o", "type=registry,compression=zstd", "-t", "a/b"}, result{Tags: 1, Outputs: sink.Outputs{Attrs: map[string]string{"compression": "zstd"}}}},
		"type=image,push=true":           {[]string{"-o", "type=image,push=true,name=x/a:1", "-o", "type=oci,name=x/b"}, result{Tags: 1, Outputs: sink.Outputs{List: []sink.Output{sink.Archive{Dest: "-"}}, Attrs: none}}},
		"push-by-digest":                 {[]string{"-o", "type=image,push-by-digest=true,name-canonical=true,push=true,name=x/a"}, result{ByDigest: 1, Outputs: sink.Outputs{Attrs: none}}},
		"an image without a destination": {[]string{"-o", "type=image"}, result{Outputs: sink.Outputs{Image: true, Attrs: none}}},
		"--push switches image on":       {[]string{"-t", "a/b", "-o", "type=image,compression=zstd", "--push"}, result{Tags: 1, Outputs: sink.Outputs{Attrs: map[string]string{"compression": "zstd"}}}},
		"cacheonly":                      {[]string{"-o", "type=cacheonly"}, result{Outputs: sink.Outputs{Attrs: none}}},
		"Docker media types":             {[]string{"-o", "type=registry,oci-mediatypes=false", "-t", "a/b"}, result{Tags: 1, Family: manifest.Docker, Outputs: sink.Outputs{Attrs: none}}},
	} {
		t.Run(name, func(t *testing.T) {
			j, err := words(t, tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			r := j.request
			for i, output := range r.Outputs.List {
				switch o := output.(type) {
				case sink.Load:
					o.Names = nil
					r.Outputs.List[i] = o
				case sink.Archive:
					o.Names = nil
					r.Outputs.List[i] = o
				}
			}
			if tt.want.Family == "" {
				tt.want.Family = manifest.OCI
			}
			if diff := cmp.Diff(tt.want, result{len(r.Tags), len(r.ByDigest), r.Outputs, r.MediaTypes}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestOutputsThatCannotBeAreRefusedBeforeAnyWork(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{}, "no image name"},
		{[]string{"-t", "a"}, "no output was given for \"a:latest\""},
		{[]string{"--push"}, "no image name"},
		{[]string{"-o", "type=oci", "-o", "type=tar"}, `"type=oci" and "type=tar" would both be written to standard output`},
		{[]string{"-o", "type=oci", "-o", "type=tar,dest=/dev/stdout"}, "would both be written to standard output"},
		{[]string{"-o", "type=oci,dest=" + dir + "/x", "-o", "type=docker,dest=" + dir + "/y/../x"}, "would both be written to \"" + dir + "/x\""},
		{[]string{"-o", dir, "-o", dir + "/"}, "would both be written to"},
		{[]string{"--allow", buildflags.LocalDelete, "-o", "type=local,mode=delete,dest=" + dir, "-o", "type=oci,dest=" + dir + "/not/there/x"}, "would empty the folder that"},
		{[]string{"-o", "type=what"}, `the type "what" is not one of cacheonly, docker`},
		{[]string{"-o", "dest=x,tar=true"}, "the type is missing"},
		{[]string{"-o", "type=oci,x"}, `"x" is not of the form key=value`},
		{[]string{"-o", "type=local"}, "dest=FOLDER is missing"},
		{[]string{"-o", "type=local,dest=-"}, "a folder cannot be written to standard output"},
		{[]string{"-o", "type=local,dest=" + file}, "is a file"},
		{[]string{"-o", "type=local,mode=move,dest=" + dir}, `mode="move" is not one of copy, delete`},
		{[]string{"-o", "type=local,mode=delete,dest=" + dir}, "which is not below the working directory"},
		{[]string{"-o", "type=local,mode=delete,dest=."}, "which is not below the working directory"},
		{[]string{"-o", "type=oci,dest=" + dir}, "is a folder"},
		{[]string{"-o", "type=oci,dest=" + file + "/x"}, "not a directory"},
		{[]string{"-o", "type=oci,tar=maybe"}, `tar="maybe" is neither true nor false`},
		{[]string{"-o", "type=image,dest=x"}, "type=image has no dest"},
		{[]string{"-o", "type=docker,tar=false,dest=x"}, "use type=oci,tar=false"},
		{[]string{"-o", "type=docker,context=other"}, "into the engine of the builder only"},
		{[]string{"-o", "type=cacheonly", "--load"}, "cannot be combined with another output"},
		{[]string{"-t", "a", "-o", "type=registry,compression=gzip", "-o", "type=oci,compression=zstd,dest=" + dir + "/x"}, "another output has compression=gzip"},
		{[]string{"-t", "a", "-o", "type=registry,oci-mediatypes=false", "-o", "type=oci,oci-mediatypes=true,dest=" + dir + "/x"}, "another output has oci-mediatypes=false"},
		{[]string{"-t", "a", "-o", "type=registry,oci-mediatypes=false", "--media-types", "oci"}, "contradicts oci-mediatypes"},
		{[]string{"-q", "-o", "type=oci"}, "and the digest would both be written to standard output"},
		{[]string{"-t", "a", "--push", "--annotation", "x"}, "is not of the form [LEVEL:]KEY=VALUE"},
		{[]string{"-t", "a", "--push", "--annotation", "all:x=y"}, `the level "all" is not one of manifest`},
		{[]string{"-t", "a", "--push", "--annotation", "index[linux/arm64]:x=y"}, "is for all platforms"},
		{[]string{"-t", "a", "--push", "--platform", "amd64", "--annotation", "manifest[linux/arm64]:x=y"}, "this is not a requested platform"},
		{[]string{"-t", "a", "--push", "--media-types", "docker", "--annotation", "index:x=y"}, "cannot be stored in Docker media types"},
		{[]string{"-t", "a", "--push", "--media-types", "docker", "--sbom=true"}, "cannot be stored in a Docker manifest list"},
		{[]string{"-t", "a", "--push", "--attest", "type=what"}, "not one of provenance, sbom"},
		{[]string{"-t", "a", "--push", "--attest", "type=sbom,x"}, "not of the form key=value"},
		{[]string{"-t", "a", "--push", "--attest", "type=sbom,disabled=maybe"}, "neither true nor false"},
	} {
		_, err := words(t, tt.args...)
		var u *cli.Usage
		if !errors.As(err, &u) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %q", tt.args, err, tt.want)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestLoadsValueNeedsAnEqualsSign(t *testing.T) {
	for _, value := range []string{"native", "all", "linux/arm64"} {
		s := newHarness(t)
		if status := s.Command("build", "--load", value, "."); status != 125 {
			t.Errorf("status %d", status)
		}
		clitest.Contains(t, s.Err.String(), "--load takes its value after an equals sign", "use --load="+value)
	}
	s := newHarness(t)
	if status := s.Command("build", "--load=mine", "."); status != 125 {
		t.Errorf("status %d", status)
	}
	clitest.Contains(t, s.Err.String(), "--load=native or --load=PLATFORM")
}

func TestAttestationsInDockerBuildxsWords(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want map[string]string
	}{
		{nil, map[string]string{}},
		{[]string{"--provenance=true"}, map[string]string{"provenance": "type=provenance"}},
		{[]string{"--provenance=false"}, map[string]string{}},
		{[]string{"--provenance", "mode=max"}, map[string]string{"provenance": "type=provenance,mode=max"}},
		{[]string{"--sbom", "true", "--attest", "type=provenance,mode=min"}, map[string]string{"sbom": "type=sbom", "provenance": "type=provenance,mode=min"}},
		{[]string{"--attest", "type=sbom", "--sbom=false"}, map[string]string{}},
		{[]string{"--attest", `type=sbom,"generator=image,with=comma"`}, map[string]string{"sbom": `type=sbom,"generator=image,with=comma"`}},
	} {
		j, err := words(t, append(tt.args, "-t", "a", "--push")...)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, j.request.Attests); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.args, diff)
		}
	}
}

func TestAnnotationsInDockerBuildxsWords(t *testing.T) {
	arm := platform.Platform{OS: "linux", Architecture: "arm64"}
	j, err := words(t, "-t", "a", "-o", "type=registry,annotation-index.from=output,annotation[linux/arm64].p=q", "--annotation", "k=v",
		"--annotation", "index,manifest-descriptor[linux/arm64]:org.example/x=a:b=c")
	if err != nil {
		t.Fatal(err)
	}
	got := j.request.Annotations
	if got[0].Level != index.OnIndex {
		got[0], got[1] = got[1], got[0] // an output's attributes are unordered
	}
	want := index.Annotations{
		{Level: index.OnIndex, Key: "from", Value: "output"},
		{Level: index.OnManifest, Platform: &arm, Key: "p", Value: "q"},
		{Level: index.OnManifest, Key: "k", Value: "v"},
		{Level: index.OnIndex, Key: "org.example/x", Value: "a:b=c"},
		{Level: index.OnManifestDescriptor, Platform: &arm, Key: "org.example/x", Value: "a:b=c"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAVariableOfDockerBuildxAsksForAttestationsThatAreNoArtifacts(t *testing.T) {
	s := newHarness(t)
	s.Vars["BUILDX_NO_DEFAULT_OCI_ARTIFACT"] = "1"
	j, err := parseBuild(t.Context(), s.Env, parsed(t, "--push", "-t", "a", "--sbom=true", "."))
	if err != nil || j.request.Outputs.Attrs["oci-artifact"] != "false" {
		t.Errorf("got %v, %v", j.request.Outputs.Attrs, err)
	}
}
