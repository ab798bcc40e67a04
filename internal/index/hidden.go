package index

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
)

// Hide rewrites the child's attestations where they contain hidden texts, or the IDs of the session that served the context, which mean
// nothing after the build. hidden has a replacement for each text.
func (c *Child) Hide(ctx context.Context, hidden map[string]string) error {
	words := hiding(hidden)
	for i, desc := range c.Attestations {
		var err error
		if c.Attestations[i], err = c.Documents.rewrite(ctx, desc, func(text string) string { return withoutSessions(words.Replace(text)) }); err != nil {
			return fmt.Errorf("take the proxies' passwords out of attestation %s: %w", desc.Digest, err)
		}
	}
	return nil
}

// The frontend's attributes for the session, in compact JSON with another one after them and without; and arguments that are then empty.
var (
	sessionBefore = lazyregexp.New(`"local-sessionid:[^"\\]*":"[^"\\]*",`)
	sessionLast   = lazyregexp.New(`,?"local-sessionid:[^"\\]*":"[^"\\]*"`)
	argsBefore    = lazyregexp.New(`"args":\{\},`)
	argsLast      = lazyregexp.New(`,?"args":\{\}`)
)

// withoutSessions returns a statement without the frontend's attributes for the session.
func withoutSessions(text string) string {
	if !strings.Contains(text, `"local-sessionid:`) {
		return text
	}
	cut := text
	for _, pattern := range []func() *regexp.Regexp{sessionBefore, sessionLast, argsBefore, argsLast} {
		cut = pattern().ReplaceAllString(cut, "")
	}
	if !json.Valid([]byte(cut)) { // it is not BuildKit's usual form
		return text
	}
	return cut
}

// hiding returns a replacer of texts in JSON, with or without < > and & escaped, as Go does it.
func hiding(hidden map[string]string) *strings.Replacer {
	var words []string
	// Longer texts come first: a shorter one may be the prefix of another.
	for _, text := range slices.Backward(slices.Sorted(maps.Keys(hidden))) {
		for _, escaped := range []bool{true, false} {
			words = append(words, inJSON(text, escaped), inJSON(hidden[text], escaped))
		}
	}
	return strings.NewReplacer(words...)
}

func inJSON(text string, escaped bool) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(escaped)
	_ = encoder.Encode(text) // a string can always be encoded
	return strings.TrimSuffix(strings.TrimSpace(out.String())[1:], `"`)
}

// rewrite returns the descriptor of an attestation manifest with changed statements: its own if nothing changes.
func (d *Documents) rewrite(ctx context.Context, desc ocispecs.Descriptor, change func(string) string) (ocispecs.Descriptor, error) {
	body, err := d.read(ctx, desc.Digest)
	if err != nil {
		return desc, err
	}
	var m ocispecs.Manifest
	if err := json.Unmarshal(body, &m); err != nil {
		return desc, err
	}
	found := false
	for i, statement := range m.Layers {
		text, err := d.read(ctx, statement.Digest)
		if err != nil {
			return desc, err
		}
		cut := change(string(text))
		if cut == string(text) {
			continue
		}
		found = true
		if m.Layers[i], err = d.keep(ctx, statement, []byte(cut)); err != nil {
			return desc, err
		}
	}
	if !found {
		return desc, nil
	}
	if body, err = json.Marshal(m); err != nil {
		return desc, err
	}
	return d.keep(ctx, desc, body)
}
