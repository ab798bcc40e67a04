package buildflags

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// TestOptions are the flags about tests of the images, as the user wrote them.
type TestOptions struct{ commands, files []string }

// AddTestFlags adds the flags of tests of the images.
func AddTestFlags(f *pflag.FlagSet, o *TestOptions) {
	f.StringArrayVar(&o.commands, "test", nil,
		`Run a command in the finished images before they are tagged ("CMD"; for one platform: "linux/arm64:CMD"; "": the image's own command)`)
	f.StringArrayVar(&o.files, "test-file", nil, "Run the tests in a YAML file on the finished images")
}

// Into parses the flags into a request that has its platforms.
func (o TestOptions) Into(r *solve.Request) error {
	var all []smoke.Located
	var from []string
	for _, text := range o.commands {
		t, err := parseTest(text, r.Platforms)
		if err != nil {
			return fmt.Errorf("--test %q: %w", text, err)
		}
		all, from = append(all, smoke.Located{Test: t}), append(from, fmt.Sprintf("--test %q", text))
	}
	for _, file := range o.files {
		data, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("--test-file: %w", err)
		}
		tests, err := smoke.Parse(data)
		if err != nil {
			return atLine(file, err)
		}
		for _, t := range tests {
			all, from = append(all, t), append(from, lineOf(file, t.Line))
		}
	}
	for i, t := range all {
		if err := checkTest(t.Test, r.Tests, r.Platforms); err != nil {
			return fmt.Errorf("%s: %w", from[i], err)
		}
		r.Tests = append(r.Tests, t.Test)
	}
	return nil
}

func parseTest(text string, requested []platform.Platform) (t smoke.Test, err error) {
	own, command, err := forPlatform(text, requested)
	if err != nil {
		return t, err
	}
	if own != "" {
		if t.Platforms, _, err = platform.Parse(own); err != nil {
			return t, err
		}
	}
	t.Command, err = smoke.SplitWords(command)
	t.Name = t.CommandLine()
	return t, err
}

// checkTest refuses a test without a platform, and one whose name an earlier test has on the same platform.
func checkTest(t smoke.Test, before []smoke.Test, requested []platform.Platform) error {
	for _, p := range t.Platforms {
		if !platform.Contains(requested, p) {
			return notBuilt(p, requested)
		}
	}
	for _, other := range before {
		if other.Name == t.Name && other.Meets(t) {
			return fmt.Errorf("there are two tests %q: give each its own name", t.Name)
		}
	}
	return nil
}

// atLine puts a file's name, and the line if it is known, before an error.
func atLine(file string, err error) error {
	if at, ok := errors.AsType[*smoke.FileError](err); ok && at.Line > 0 {
		return fmt.Errorf("%s: %w", lineOf(file, at.Line), at.Err)
	}
	return fmt.Errorf("%s: %w", file, err)
}

func lineOf(file string, line int) string { return fmt.Sprintf("%s:%d", file, line) }
