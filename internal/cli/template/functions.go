package template

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	template "github.com/DataDog/datadog-agent/pkg/template/text"
)

// functions are those of docker/cli's package templates, which has no names for them.
var functions = template.FuncMap{
	"json":     asJSON,
	"split":    strings.Split,
	"join":     join,
	"title":    strings.Title, //nolint:staticcheck // the Docker CLI's title is this one
	"lower":    strings.ToLower,
	"upper":    strings.ToUpper,
	"pad":      pad,
	"truncate": truncate,
}

func asJSON(v any) (string, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return strings.TrimSpace(out.String()), err
}

// join joins the elements of a list, or the sorted values of a map.
func join(elements any, separator string) (string, error) {
	if elements == nil {
		return "", nil
	}
	var words []string
	switch v := reflect.ValueOf(elements); v.Kind() {
	case reflect.Array, reflect.Slice:
		for i := range v.Len() {
			words = append(words, fmt.Sprint(v.Index(i).Interface()))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			words = append(words, fmt.Sprint(v.MapIndex(key).Interface()))
		}
		slices.Sort(words)
	default:
		return "", fmt.Errorf("expected slice, got %T", elements)
	}
	return strings.Join(words, separator), nil
}

// pad adds spaces around text, unless it is empty.
func pad(text string, before, after int) string {
	if text == "" {
		return ""
	}
	return strings.Repeat(" ", before) + text + strings.Repeat(" ", after)
}

// truncate returns at most a number of bytes.
func truncate(text string, length int) string {
	if len(text) < length {
		return text
	}
	return text[:length]
}
