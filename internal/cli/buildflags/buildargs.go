package buildflags

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	spb "github.com/moby/buildkit/sourcepolicy/pb"
	"google.golang.org/protobuf/proto"

	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

const sourceDateEpoch = "SOURCE_DATE_EPOCH"

// AddEpoch passes on SOURCE_DATE_EPOCH, the build time of reproducible builds, as docker buildx does, unless a build argument sets it.
// Besides seconds the frontend accepts the word "context", the commit time of a git context.
func AddEpoch(args map[string]string, lookup func(string) (string, bool)) error {
	value, _ := lookup(sourceDateEpoch)
	if _, set := args[sourceDateEpoch]; set || value == "" {
		return nil
	}
	if _, err := strconv.ParseInt(value, 10, 64); err != nil && value != "context" {
		return fmt.Errorf("%s=%q in the environment is not a time: use whole seconds since 1970, or unset it", sourceDateEpoch, value)
	}
	args[sourceDateEpoch] = value
	return nil
}

// ClientArgs handles the build arguments that are meant for the client and not for the frontend.
func ClientArgs(r *solve.Request) error {
	args := []map[string]string{r.BuildArgs}
	for _, own := range r.Own {
		args = append(args, own.BuildArgs)
	}
	for _, m := range args {
		if syntax, ok := m["BUILDKIT_SYNTAX"]; ok && strings.TrimSpace(syntax) == "" {
			return errors.New("--build-arg BUILDKIT_SYNTAX= is empty: use BUILDKIT_SYNTAX=IMAGE, or BUILDKIT_SYNTAX to take the value from the environment")
		}
		// Each solve makes one platform's image; the client assembles the index.
		if multi, err := strconv.ParseBool(m["BUILDKIT_MULTI_PLATFORM"]); err == nil && multi {
			r.Index = true
		}
		delete(m, "BUILDKIT_MULTI_PLATFORM")
	}
	return nil
}

// ContextName returns the name by which the frontend looks up a named context: an image name in its familiar form.
func ContextName(name string) (string, error) {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return "", fmt.Errorf("--build-context %q: %w", name, err)
	}
	return strings.TrimSuffix(reference.FamiliarString(named), ":latest"), nil
}

const policyVariable = "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"

// ReadPolicy reads a source policy in BuildKit's own format, JSON or protobuf, as docker buildx does.
func ReadPolicy(lookup func(string) (string, bool)) (*spb.Policy, error) {
	file, _ := lookup(policyVariable)
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", policyVariable, err)
	}
	var p spb.Policy
	if err := json.Unmarshal(data, &p); err != nil {
		p.Reset()
		if proto.Unmarshal(data, &p) != nil {
			return nil, fmt.Errorf("%s: %q is not a source policy: %w", policyVariable, file, err)
		}
	}
	return &p, nil
}
