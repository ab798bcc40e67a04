package builder

import (
	"encoding/csv"
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/typo"
)

// SplitOptions reads values of --driver-opt: each a CSV list of key=value. Of a repeated key the last
// counts. A driver checks the keys and their values.
func SplitOptions(lists ...string) (map[string]string, error) {
	opts := map[string]string{}
	for _, list := range lists {
		if strings.TrimSpace(list) == "" {
			continue
		}
		fields, err := csv.NewReader(strings.NewReader(list)).Read()
		if err != nil {
			return nil, fmt.Errorf("driver option %q: %w", list, err)
		}
		for _, f := range fields {
			k, v, ok := strings.Cut(f, "=")
			if !ok {
				return nil, fmt.Errorf("driver option %q is not of the form key=value", f)
			}
			opts[k] = v
		}
	}
	return opts, nil
}

// UnknownOption is the error for a driver option that is none of the known ones.
func UnknownOption(key string, known []string) error {
	if i, ok := typo.Nearest(key, known); ok {
		return fmt.Errorf("unknown driver option %q: did you mean %q?", key, known[i])
	}
	return fmt.Errorf("unknown driver option %q: known are %s", key, strings.Join(known, ", "))
}

// EnvOption begins the names of options that set variables of BuildKit's environment.
const EnvOption = "env."

// MaskOption hides the values of environment variables, which may hold tokens.
func MaskOption(key, value string) string {
	if value != "" && strings.HasPrefix(key, EnvOption) {
		return "***"
	}
	return value
}
