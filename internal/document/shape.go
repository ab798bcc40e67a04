package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// maxFields is how many fields a checked object may have.
const maxFields = 1000

// shape describes the relevant fields of an object, or of the elements of an array. Unknown fields are ignored.
type shape struct {
	fields  []string          // those that are read, in their one spelling
	foreign map[string]string // those that make the document another kind, and which
	inner   map[string]*shape // of fields
	most    int               // elements, where it is an array
}

var (
	platformShape   = &shape{fields: []string{"architecture", "os", "os.version", "os.features", "variant"}}
	descriptorShape = &shape{
		fields: []string{"mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"},
		inner:  map[string]*shape{"platform": platformShape},
	}
	indexShape    = indexOf(MaxEntries)
	layoutShape   = indexOf(maxListed)
	manifestShape = &shape{
		fields:  []string{"schemaVersion", "mediaType", "artifactType", "config", "layers", "subject", "annotations"},
		foreign: map[string]string{"manifests": "an index", "fsLayers": "a manifest of schema 1"},
		inner:   map[string]*shape{"config": descriptorShape, "layers": listOf(descriptorShape, MaxLayers), "subject": descriptorShape},
	}
	configShape = &shape{
		fields: []string{"created", "author", "architecture", "os", "os.version", "os.features", "variant", "config", "rootfs", "history"},
		inner: map[string]*shape{
			"config": {}, "history": listOf(&shape{}, maxHistory),
			"rootfs": {fields: []string{"type", "diff_ids"}, inner: map[string]*shape{"diff_ids": listOf(&shape{}, MaxLayers)}},
		},
	}
)

func indexOf(most int) *shape {
	return &shape{
		fields:  []string{"schemaVersion", "mediaType", "artifactType", "manifests", "subject", "annotations"},
		foreign: map[string]string{"config": "a manifest", "layers": "a manifest", "fsLayers": "a manifest of schema 1"},
		inner:   map[string]*shape{"manifests": listOf(descriptorShape, most), "subject": descriptorShape},
	}
}

func listOf(element *shape, most int) *shape {
	return &shape{fields: element.fields, foreign: element.foreign, inner: element.inner, most: most}
}

// check checks a document that is valid JSON.
func (s *shape) check(body []byte) error {
	return s.value(json.NewDecoder(bytes.NewReader(body)))
}

// value checks the next value; a value of another kind is left to the decoder.
func (s *shape) value(dec *json.Decoder) error {
	start, err := dec.Token()
	if err != nil {
		return err
	}
	switch start {
	case json.Delim('{'):
		err = s.object(dec)
	case json.Delim('['):
		err = s.array(dec)
	default:
		return nil
	}
	if err == nil {
		_, err = dec.Token() // the end
	}
	return err
}

func (s *shape) object(dec *json.Decoder) error {
	seen := map[string]string{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string) // the decoder returns nothing else here
		if err := s.field(name, seen); err != nil {
			return err
		}
		inner := s.inner[name]
		if inner == nil {
			err = dec.Decode(&json.RawMessage{})
		} else if err = inner.value(dec); err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// field checks the name of a field against those that were seen.
func (s *shape) field(name string, seen map[string]string) error {
	for foreign, kind := range s.foreign {
		if strings.EqualFold(foreign, name) {
			return fmt.Errorf("it has %.40q, which is a field of %s", name, kind)
		}
	}
	if i := slices.IndexFunc(s.fields, func(f string) bool { return strings.EqualFold(f, name) }); i >= 0 && s.fields[i] != name {
		return fmt.Errorf("it has %.40q, and the field is %q", name, s.fields[i])
	}
	if len(seen) == maxFields {
		return fmt.Errorf("it has more than %d fields", maxFields)
	}
	folded := strings.ToLower(name)
	if before, twice := seen[folded]; twice {
		return fmt.Errorf("it has %.40q and %.40q: a field stands in it once", before, name)
	}
	seen[folded] = name
	return nil
}

func (s *shape) array(dec *json.Decoder) error {
	for n := 1; dec.More(); n++ {
		if s.most > 0 && n > s.most {
			return fmt.Errorf("it lists more than %d, the most that is read", s.most)
		}
		if err := s.value(dec); err != nil {
			return err
		}
	}
	return nil
}
