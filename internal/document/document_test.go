package document_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/document"
)

const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
)

func entries(n int) string { return strings.TrimSuffix(strings.Repeat(`{"size":1},`, n), ",") }

func TestADocumentThatCanBeUnderstoodInTwoWaysIsRefused(t *testing.T) {
	index := func(b []byte) error { _, err := document.Index(b); return err }
	manifest := func(b []byte) error { _, err := document.Manifest(b); return err }
	config := func(b []byte) error { _, err := document.Config(b); return err }
	for name, c := range map[string]struct {
		read func([]byte) error
		body string
		want string // "" if it is read
	}{
		"an index":                          {index, `{"mediaType":"` + indexType + `","manifests":[{"digest":"x","size":1}],"x":[[{}]],"annotations":{"a":"","A":""}}`, ""},
		"an index without a media type":     {index, `{"manifests":[]}`, ""},
		"an index of an unknown media type": {index, `{"mediaType":"x"}`, ""},
		"a manifest":                        {manifest, `{"mediaType":"` + manifestType + `","config":{"size":2},"layers":[{"size":1}]}`, ""},
		"a configuration":                   {config, `{"os":"linux","config":{"Cmd":["a"],"Labels":{"a":"","A":""}},"history":[{"created_by":"x"}],"rootfs":{"diff_ids":["a"]}}`, ""},

		"an index with layers":                 {index, `{"manifests":[],"layers":[]}`, `it has "layers", which is a field of a manifest`},
		"an index with a configuration":        {index, `{"manifests":[],"config":null}`, `"config"`},
		"an index with LAYERS":                 {index, `{"LAYERS":[]}`, `"LAYERS"`},
		"a manifest with manifests":            {manifest, `{"config":{},"layers":[],"manifests":[]}`, `"manifests", which is a field of an index`},
		"a manifest with a long s":             {manifest, `{"config":{},"manife\u017fts":[]}`, "field of an index"},
		"a manifest of schema 1":               {manifest, `{"fsLayers":[],"history":[]}`, "schema 1"},
		"an index that says it is a manifest":  {index, `{"mediaType":"` + manifestType + `"}`, "it says that it is"},
		"a manifest that says it is a list":    {manifest, `{"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json"}`, "it says that it is"},
		"layers twice":                         {manifest, `{"layers":[],"config":{},"layers":[{}]}`, "once"},
		"layers and Layers":                    {manifest, `{"layers":[],"config":{},"Layers":[{}]}`, `"Layers"`},
		"a digest twice":                       {index, `{"manifests":[{"digest":"a","digest":"b"}]}`, "manifests: it has"},
		"a platform's architecture twice":      {index, `{"manifests":[{"platform":{"architecture":"a","architecture":"b"}}]}`, "platform: it has"},
		"a configuration with two platforms":   {config, `{"architecture":"a","Architecture":"b"}`, `"Architecture"`},
		"a configuration with two entrypoints": {config, `{"config":{"Cmd":[],"cmd":[]}}`, "once"},
		"something behind it":                  {index, `{"manifests":[]}{}`, "after top-level value"},
		"no object":                            {manifest, `[]`, "not an image manifest"},
		"nothing":                              {config, ``, "not the configuration of an image"},
	} {
		err := c.read([]byte(c.body))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSizesThatNoBlobHasAreRefused(t *testing.T) {
	for _, size := range []string{"-1", "-5", "4611686018427387904", "17592186044417", "1e30", "1.5", `"1"`} {
		if _, err := document.Index(fmt.Appendf(nil, `{"manifests":[{"size":%s}]}`, size)); err == nil {
			t.Errorf("an index with an entry of %s bytes is read", size)
		}
		for _, body := range []string{`{"config":{"size":%s}}`, `{"layers":[{"size":1},{"size":%s}]}`} {
			if _, err := document.Manifest(fmt.Appendf(nil, body, size)); err == nil {
				t.Errorf(body+" is read", size)
			}
		}
	}
	if document.CheckSize(-1) == nil || document.CheckSize(4<<20+1) == nil || document.CheckSize(4<<20) != nil {
		t.Error("the size of a document")
	}
}

func TestALongListIsRefusedBeforeMemoryIsTakenForIt(t *testing.T) {
	if _, err := document.Index([]byte(`{"manifests":[` + entries(1000) + `]}`)); err != nil {
		t.Error(err)
	}
	many := strings.TrimSuffix(strings.Repeat("{},", 1_398_000), ",")
	for name, c := range map[string]struct {
		read func([]byte) error
		body string
	}{
		"manifests: it lists more than 1000": {func(b []byte) error { _, err := document.Index(b); return err }, `{"manifests":[%s]}`},
		"layers: it lists more than 1000":    {func(b []byte) error { _, err := document.Manifest(b); return err }, `{"layers":[%s]}`},
		"history: it lists more than 10000":  {func(b []byte) error { _, err := document.Config(b); return err }, `{"history":[%s]}`},
	} {
		body := fmt.Appendf(nil, c.body, many)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := c.read(body)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
			t.Errorf("%s: it took %d bytes", name, took)
		}
	}
}

func FuzzDocuments(f *testing.F) {
	for _, seed := range []string{
		`{"schemaVersion":2,"mediaType":"` + indexType + `","manifests":[{"mediaType":"` + manifestType + `","digest":"sha256:00","size":7,"platform":{"os":"linux"}}]}`,
		`{"schemaVersion":2,"config":{"digest":"a","size":1},"layers":[{"size":-5,"urls":["x"]}],"subject":{}}`,
		`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["a"]},"history":[{"empty_layer":true}]}`,
		`{"layers":[[{"size":1}]]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		index, errIndex := document.Index(body)
		m, errManifest := document.Manifest(body)
		_, _ = document.Config(body)
		if errIndex == nil && errManifest == nil && len(index.Manifests)+len(m.Layers)+len(m.Config.Digest) > 0 {
			t.Errorf("it is both: %s", body)
		}
		for _, desc := range append(append(index.Manifests, m.Layers...), m.Config) {
			if desc.Size < 0 {
				t.Errorf("a size of %d", desc.Size)
			}
		}
	})
}
