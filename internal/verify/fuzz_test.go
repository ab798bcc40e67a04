package verify_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"

	"github.com/docker-multiarch/docker-multiarch/internal/verify"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// texts are documents by digest. It ignores the sizes of descriptors.
type texts map[digest.Digest]string

func (s texts) put(text string) ocispecs.Descriptor {
	d := digest.FromString(text)
	s[d] = text
	return ocispecs.Descriptor{Digest: d, Size: int64(len(text))}
}

func (s texts) Fetch(_ context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	text, ok := s[desc.Digest]
	if !ok {
		return nil, errdef.ErrNotFound
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

func (s texts) Stat(_ context.Context, desc ocispecs.Descriptor) (int64, error) {
	text, ok := s[desc.Digest]
	if !ok {
		return 0, errdef.ErrNotFound
	}
	return int64(len(text)), nil
}

// FuzzRun checks an arbitrary index, manifest and configuration. DIGEST and SIZE in one stand for the next.
func FuzzRun(f *testing.F) {
	m := `{"config":{"mediaType":"` + ocispecs.MediaTypeImageConfig + `","digest":"DIGEST","size":SIZE},` +
		`"layers":[{"mediaType":"` + ocispecs.MediaTypeImageLayer + `","digest":"` + digest.FromString("x").String() + `","size":1}]}`
	entry := func(mediaType string) string {
		return `{"mediaType":"` + mediaType + `","digest":"DIGEST","size":SIZE,"platform":{"os":"linux","architecture":"arm64"}}`
	}
	f.Add(`{"manifests":[`+entry(ocispecs.MediaTypeImageManifest)+`,`+entry(ocispecs.MediaTypeImageManifest)+`]}`, m, `{"os":"linux","architecture":"arm64"}`)
	f.Add(`{"manifests":[`+entry(ocispecs.MediaTypeImageIndex)+`]}`, `{"manifests":[]}`, `{}`)
	f.Add(`{"manifests":[{"digest":"x","size":-1}],"layers":[]}`, `{"layers":null,"config":7}`, `[]`)
	f.Fuzz(func(t *testing.T, index, m, config string) {
		s := texts{}
		s.put("x")
		naming := func(text string, next ocispecs.Descriptor) ocispecs.Descriptor {
			return s.put(strings.NewReplacer("DIGEST", next.Digest.String(), "SIZE", fmt.Sprint(next.Size)).Replace(text))
		}
		root := naming(index, naming(m, s.put(config)))
		for _, root.MediaType = range []string{ocispecs.MediaTypeImageIndex, ocispecs.MediaTypeImageManifest, manifest.MediaTypeDockerList} {
			result, err := verify.Run(t.Context(), verify.Request{Root: root, Source: s, Executables: &verify.Executables{}})
			if err == nil && result.OK() && result.Tree.Body == nil {
				t.Errorf("nothing was read, and all is well: %v", result.Findings)
			}
		}
	})
}
