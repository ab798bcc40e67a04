package localbase

import (
	"bytes"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// FuzzRead reads the stream of an engine: raw bytes, or files with these texts. DIGEST in one text stands for the digest of the
// next.
func FuzzRead(f *testing.F) {
	layer := digest.FromString("layer").String()
	f.Add([]byte(`[{"Config":"c","Layers":["l"]}]`), []byte(`{"os":"linux","architecture":"arm64","rootfs":{"diff_ids":["`+layer+`"]}}`), false, false)
	f.Add([]byte(`{"manifests":[{"mediaType":"`+ocispecs.MediaTypeImageManifest+`","digest":"DIGEST","size":20}]}`), []byte(`{"config":{"size":1}}`), true, false)
	f.Add([]byte(`{"manifests":[{"mediaType":"`+ocispecs.MediaTypeImageIndex+`","digest":"DIGEST","size":17}]}`), []byte(`{"manifests":[{}]}`), true, false)
	f.Add([]byte("not ustar"), []byte{}, false, true)
	f.Fuzz(func(t *testing.T, document, config []byte, asLayout, raw bool) {
		name := "manifest.json"
		if asLayout {
			name = "index.json"
		}
		text := string(bytes.ReplaceAll(document, []byte("DIGEST"), []byte(digest.FromBytes(config))))
		in := stream(t, entry{name: "c", body: string(config)}, entry{name: "l", body: "layer"}, entry{name: name, body: text})
		if raw {
			in = bytes.NewBuffer(append(document, config...))
		}
		base, err := Read(in, t.TempDir())
		if err == nil && base.Root.Digest == "" {
			t.Error("it has read nothing")
		}
	})
}
