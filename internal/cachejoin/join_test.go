package cachejoin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	types "github.com/moby/buildkit/cache/remotecache/v1/types"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

var day = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func layer(content string, parent int) types.CacheLayer {
	return types.CacheLayer{Blob: digest.FromString(content), ParentIndex: parent}
}

// record is a record that depends on others, with one result if layer is not negative.
func record(name string, layer int, links ...int) types.CacheRecord {
	r := types.CacheRecord{Digest: digest.FromString(name)}
	for _, l := range links {
		r.Inputs = append(r.Inputs, []types.CacheInput{{Selector: "/", LinkIndex: l}})
	}
	if layer >= 0 {
		r.Results = []types.CacheResult{{LayerIndex: layer, CreatedAt: day}}
	}
	return r
}

func described(mediaType string, dgst digest.Digest, size int64) ocispecs.Descriptor {
	return ocispecs.Descriptor{MediaType: mediaType, Digest: dgst, Size: size}
}

// share is a share of a node whose layers all exist.
func share(node string, layers []types.CacheLayer, records ...types.CacheRecord) Share {
	s := Share{Node: node, Config: types.CacheConfig{Layers: layers, Records: records}, Blobs: blobs{}}
	body, _ := json.Marshal(s.Config)
	s.Source = described(types.CacheConfigMediaTypeV0, digest.FromBytes(body), int64(len(body)))
	for _, l := range layers {
		s.Blobs[l.Blob] = described(ocispecs.MediaTypeImageLayerGzip, l.Blob, 1)
	}
	return s
}

// Two nodes that have the base and the first step in common. The entries have other indexes in each.
func twoShares() (amd, arm Share) {
	amd = share("amd", []types.CacheLayer{layer("base", -1), layer("common", 0), layer("amd", 1)},
		record("base", 0), record("common", 1, 0), record("make amd", 2, 1))
	arm = share("arm", []types.CacheLayer{layer("arm", 2), layer("base", -1), layer("common", 1)},
		record("make arm", 0, 2), record("base", 1), record("common", 2, 1))
	return amd, arm
}

// told returns each record of a config as text that has no indexes, sorted: its steps back to the first, and its layers.
func told(c types.CacheConfig) (all []string) {
	var chain func(int) string
	chain = func(i int) string {
		if i < 0 {
			return ""
		}
		return chain(c.Layers[i].ParentIndex) + c.Layers[i].Blob.Encoded()[:6] + " "
	}
	var key func(int) string
	key = func(i int) string {
		r := c.Records[i]
		text := r.Digest.Encoded()[:6]
		for _, inputs := range r.Inputs {
			var links []string
			for _, in := range inputs {
				links = append(links, key(in.LinkIndex)+in.Selector)
			}
			slices.Sort(links)
			text += "(" + strings.Join(links, "|") + ")"
		}
		return text
	}
	for i, r := range c.Records {
		text := key(i) + ":"
		for _, res := range r.Results {
			text += " [" + chain(res.LayerIndex) + res.CreatedAt.Format(time.DateOnly) + "]"
		}
		for _, res := range r.ChainedResults {
			text += " {" + fmt.Sprint(len(res.LayerIndexes)) + chain(res.LayerIndexes[0]) + "}"
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

func TestAJoinedCacheHasTheRecordsOfAllAndEqualOnesOnce(t *testing.T) {
	amd, arm := twoShares()
	joined, layers := Join([]Share{amd, arm})
	want := append(told(amd.Config), told(arm.Config)...)
	slices.Sort(want)
	if diff := cmp.Diff(slices.Compact(want), told(joined)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(joined.Records) != 4 || len(joined.Layers) != 4 || len(layers) != 4 {
		t.Errorf("%d records, %d layers, %d descriptors", len(joined.Records), len(joined.Layers), len(layers))
	}
	body, _ := json.Marshal(joined)
	if _, err := ParseConfig(body); err != nil {
		t.Error(err)
	}
}

func TestTheOrderOfTheSharesDoesNotMatter(t *testing.T) {
	amd, arm := twoShares()
	old := share("", []types.CacheLayer{layer("old", -1)}, record("old", 0))
	one, layers := Join([]Share{amd, arm, old})
	other, others := Join([]Share{old, arm, amd})
	if diff := cmp.Diff(one, other); diff != "" {
		t.Errorf("(-one +other):\n%s", diff)
	}
	if diff := cmp.Diff(layers, others); diff != "" {
		t.Errorf("descriptors (-one +other):\n%s", diff)
	}
	again, _ := Join([]Share{amd, amd})
	if first, _ := Join([]Share{amd}); !cmp.Equal(first, again) {
		t.Error("a share twice is not what it is once")
	}
}

func TestOneKeyWithTwoResultsHasBothAndTheLaterTimeOfEqualOnes(t *testing.T) {
	one := share("a", []types.CacheLayer{layer("first", -1)}, record("make", 0))
	two := share("b", []types.CacheLayer{layer("second", -1), layer("first", -1)}, record("make", 0))
	two.Config.Records[0].Results = append(two.Config.Records[0].Results, types.CacheResult{LayerIndex: 1, CreatedAt: day.AddDate(0, 0, 1)})
	joined, _ := Join([]Share{one, two})
	want := []types.CacheResult{{LayerIndex: 0, CreatedAt: day.AddDate(0, 0, 1)}, {LayerIndex: 1, CreatedAt: day}}
	if diff := cmp.Diff(want, joined.Records[0].Results); diff != "" || len(joined.Records) != 1 {
		t.Errorf("%d records (-want +got):\n%s", len(joined.Records), diff)
	}
}

func TestRecordsAreEqualOnlyIfTheirInputsAre(t *testing.T) {
	a := share("a", []types.CacheLayer{layer("a", -1)}, record("base", -1), record("make", 0, 0))
	b := share("b", []types.CacheLayer{layer("b", -1)}, record("another base", -1), record("make", 0, 0))
	c := share("c", []types.CacheLayer{layer("c", -1)}, record("base", -1), record("make", 0, 0))
	c.Config.Records[1].Inputs[0][0].Selector = "/other"
	joined, _ := Join([]Share{a, b, c})
	if len(joined.Records) != 5 {
		t.Errorf("%d records: %q", len(joined.Records), told(joined))
	}
	for _, r := range joined.Records {
		if len(r.Results) > 1 {
			t.Errorf("a record has the results of another: %q", told(joined))
		}
	}
}

func TestLayersThatAreGoneTakeTheirResultsAlong(t *testing.T) {
	amd, arm := twoShares()
	amd.Config.Records[2].ChainedResults = []types.ChainedResult{{LayerIndexes: []int{0, 2}}, {LayerIndexes: []int{0, 1}}}
	delete(amd.Blobs, digest.FromString("common"))
	joined, layers := Join([]Share{amd})
	for _, r := range joined.Records {
		for _, l := range layersOf(r) {
			if joined.Layers[l].Blob == digest.FromString("common") {
				t.Errorf("%q", told(joined))
			}
		}
	}
	if results := len(joined.Records[2].Results); results != 0 || len(joined.Records[2].ChainedResults) != 1 {
		t.Errorf("%d results whose parent is gone; %d chains", results, len(joined.Records[2].ChainedResults))
	}
	if len(layers) != 2 { // the base, and the layer of a chain
		t.Errorf("%d layers", len(layers))
	}
	both, _ := Join([]Share{amd, arm})
	if len(both.Records) != 4 || len(both.Layers) != 4 { // with the chain's, and without that of the result that is gone
		t.Errorf("with a share that has the layer: %q", told(both))
	}
}

func TestAHostileConfigIsRefused(t *testing.T) {
	blob := digest.FromString("x").String()
	for what, body := range map[string]string{
		"no JSON":                     `{`,
		"a layer without a digest":    `{"layers":[{"blob":"x","parent":-1}]}`,
		"a layer on itself":           `{"layers":[{"blob":"` + blob + `"}]}`,
		"layers in a circle":          `{"layers":[{"blob":"` + blob + `","parent":1},{"blob":"` + blob + `"}]}`,
		"a parent out of range":       `{"layers":[{"blob":"` + blob + `","parent":1}]}`,
		"a parent far below":          `{"layers":[{"blob":"` + blob + `","parent":-2}]}`,
		"a result out of range":       `{"records":[{"digest":"x","layers":[{"layer":0}]}]}`,
		"a chain out of range":        `{"records":[{"digest":"x","chains":[{"layers":[-1]}]}]}`,
		"a link out of range":         `{"records":[{"digest":"x","inputs":[[{"link":1}]]}]}`,
		"a record on itself":          `{"records":[{"digest":"x","inputs":[[{"link":0}]]}]}`,
		"records in a circle":         `{"records":[{"digest":"x","inputs":[[{"link":1}]]},{"digest":"y","inputs":[[{"link":0}]]}]}`,
		"an input without a record":   `{"records":[{"digest":"x","inputs":[[]]}]}`,
		"a record without a digest":   `{"records":[{}]}`,
		"a million records":           `{"records":[` + strings.Repeat("{},", 1_000_000) + `{}]}`,
		"as many records as can fit":  `{"records":[` + strings.Repeat("{},", 300_000) + `{}]}`,
		"an index that is too large":  `{"records":[{"digest":"x","layers":[{"layer":99999999999999999999}]}]}`,
		"an index that is a fraction": `{"records":[{"digest":"x","layers":[{"layer":0.5}]}]}`,
	} {
		if _, err := ParseConfig([]byte(body)); err == nil {
			t.Errorf("%s: it was read", what)
		}
	}
	// As deep as a config can be.
	deep := types.CacheConfig{}
	for i := range maxEntries {
		r := types.CacheRecord{Digest: "x"}
		if i+1 < maxEntries {
			r.Inputs = [][]types.CacheInput{{{LinkIndex: i + 1}}}
		}
		deep.Records = append(deep.Records, r)
	}
	body, _ := json.Marshal(deep)
	c, err := ParseConfig(body)
	if err != nil {
		t.Fatal(err)
	}
	if joined, _ := Join([]Share{{Config: c}}); len(joined.Records) != maxEntries {
		t.Errorf("%d records", len(joined.Records))
	}
}

func FuzzParseConfig(f *testing.F) {
	amd, arm := twoShares()
	for _, s := range []Share{amd, arm} {
		body, _ := json.Marshal(s.Config)
		f.Add(body)
	}
	f.Add([]byte(`{"layers":[{"blob":"` + digest.FromString("x").String() + `","parent":-1}],"records":[{"digest":"x","chains":[{"layers":[0,0]}]}]}`))
	f.Add([]byte(`{"records":[{"digest":"x","inputs":[[{"link":1},{"link":1}]]},{"digest":"y"}]}`))
	known, _ := twoShares()
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := ParseConfig(body)
		if err != nil {
			return
		}
		hostile := Share{Node: "b", Config: c, Blobs: blobs{}}
		for _, l := range c.Layers {
			hostile.Blobs[l.Blob] = described("x", l.Blob, 1)
		}
		joined, _ := Join([]Share{known, hostile})
		out, _ := json.Marshal(joined)
		if len(out) <= maxRead && len(joined.Records) <= maxEntries && len(joined.Layers) <= maxEntries {
			if _, err := ParseConfig(out); err != nil {
				t.Errorf("%s gives a config that is refused: %v\n%s", body, err, out)
			}
		}
		if len(c.Records) > 50 {
			return // told is slow
		}
		want := map[string]bool{}
		for _, text := range append(keys(c), keys(known.Config)...) {
			want[text] = true
		}
		for _, text := range keys(joined) {
			if !want[text] {
				t.Errorf("%s: the joined cache has a key %s that no share has", body, text)
			}
		}
	})
}

// keys returns the keys of a config's records: the steps back to the first.
func keys(c types.CacheConfig) (all []string) {
	type seen struct {
		text string
		done bool
	}
	memo := make([]seen, len(c.Records))
	var key func(int) string
	key = func(i int) string {
		if memo[i].done {
			return memo[i].text
		}
		text := string(c.Records[i].Digest)
		for _, inputs := range c.Records[i].Inputs {
			var links []string
			for _, in := range inputs {
				links = append(links, digest.FromString(key(in.LinkIndex)+in.Selector).Encoded())
			}
			slices.Sort(links)
			text += "(" + strings.Join(slices.Compact(links), "|") + ")"
		}
		memo[i] = seen{text, true}
		return text
	}
	for i := range c.Records {
		all = append(all, key(i))
	}
	return all
}
