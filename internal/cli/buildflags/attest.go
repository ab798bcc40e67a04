package buildflags

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
)

// Attests parses --attest, --provenance and --sbom in docker buildx's syntax. A type that is switched off is left out; the last value
// of a type wins. The result has BuildKit's "attest:…" attributes.
func Attests(values []string, provenance, sbom string) (map[string]string, error) {
	for _, short := range []struct{ kind, value string }{{"provenance", provenance}, {"sbom", sbom}} {
		if on, err := strconv.ParseBool(short.value); err == nil {
			values = append(values, fmt.Sprintf("type=%s,disabled=%t", short.kind, !on))
		} else if short.value != "" {
			values = append(values, fmt.Sprintf("type=%s,%s", short.kind, short.value))
		}
	}
	attests := map[string]string{}
	for _, v := range values {
		kind, attrs, on, err := parseAttest(v)
		if err != nil {
			return nil, fmt.Errorf("--attest %q: %w", v, err)
		}
		delete(attests, kind)
		if on {
			attests[kind] = attrs
		}
	}
	return attests, nil
}

func parseAttest(value string) (kind, attrs string, on bool, err error) {
	fields, err := csv.NewReader(strings.NewReader(value)).Read()
	if err != nil {
		return "", "", false, err
	}
	on = true
	var rest []string
	for _, field := range fields {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			return "", "", false, fmt.Errorf("%q is not of the form key=value", field)
		}
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "type":
			kind = value
		case "disabled":
			off, err := strconv.ParseBool(value)
			if err != nil {
				return "", "", false, fmt.Errorf("disabled=%q is neither true nor false", value)
			}
			on = !off
		default:
			rest = append(rest, field)
		}
	}
	if kind != "provenance" && kind != "sbom" {
		return "", "", false, fmt.Errorf("the type %q is not one of provenance, sbom", kind)
	}
	var b strings.Builder
	w := csv.NewWriter(&b) // quotes values that hold a comma
	if err := w.Write(append([]string{"type=" + kind}, rest...)); err != nil {
		return "", "", false, err
	}
	w.Flush()
	return kind, strings.TrimSpace(b.String()), on, nil
}
