package smoke

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	"go.yaml.in/yaml/v3"
)

// keys are the keys of a test in a file. A command is a text, which is split as a shell does, or a list of words.
var keys = map[string]func(*Test, *yaml.Node) error{
	"name": func(t *Test, n *yaml.Node) (err error) { t.Name, err = text(n); return err },
	"platforms": func(t *Test, n *yaml.Node) error {
		names, err := texts(n)
		if err == nil {
			if t.Platforms, err = parsePlatforms(names); err != nil {
				err = errorAt(n, "%w", err)
			}
		}
		return err
	},
	"command": func(t *Test, n *yaml.Node) (err error) { t.Command, err = words(n); return err },
	"entrypoint": func(t *Test, n *yaml.Node) (err error) {
		if t.Entrypoint, err = words(n); t.Entrypoint == nil {
			t.Entrypoint = []string{} // an empty entrypoint
		}
		return err
	},
	"env":     environment,
	"user":    func(t *Test, n *yaml.Node) (err error) { t.User, err = text(n); return err },
	"workdir": func(t *Test, n *yaml.Node) (err error) { t.Workdir, err = text(n); return err },
	"stdin": func(t *Test, n *yaml.Node) error {
		s, err := text(n)
		t.Stdin = []byte(s)
		return err
	},
	"exit": func(t *Test, n *yaml.Node) error {
		const most = 255
		var err error
		if t.Exit, err = strconv.Atoi(n.Value); n.Kind != yaml.ScalarNode || err != nil || t.Exit < 0 || t.Exit > most {
			return errorAt(n, "exit %q is not a status from 0 to %d", n.Value, most)
		}
		return nil
	},
	"stdout":  func(t *Test, n *yaml.Node) error { return expectation(&t.Stdout, n) },
	"stderr":  func(t *Test, n *yaml.Node) error { return expectation(&t.Stderr, n) },
	"network": network,
	"timeout": func(t *Test, n *yaml.Node) (err error) {
		if t.Timeout, err = ParseTimeout(n.Value); err != nil {
			return errorAt(n, "timeout: %w", err)
		}
		return nil
	},
	"memory": func(t *Test, n *yaml.Node) (err error) {
		if t.Memory, err = ParseMemory(n.Value); err != nil {
			return errorAt(n, "memory: %w", err)
		}
		return nil
	},
}

// ParseTimeout reads a duration: "90s", "2m", or a number of seconds. It must be positive.
func ParseTimeout(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if n, numErr := strconv.ParseFloat(s, 64); numErr == nil {
		d, err = time.Duration(n*float64(time.Second)), nil
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a time, such as 90s or 2m", s)
	}
	return d, nil
}

// ParseMemory reads a size as `docker run` does: "512m", "1g", or bytes. Engines refuse less than six megabytes.
func ParseMemory(s string) (int64, error) {
	const least = 6 << 20
	n, err := units.RAMInBytes(s)
	if err != nil || n < least {
		return 0, fmt.Errorf("%q is not a size of at least 6m, such as 512m or 1g", s)
	}
	return n, nil
}

func network(t *Test, n *yaml.Node) error {
	name, err := text(n)
	if err != nil {
		return err
	}
	switch name {
	case "false", "none", "":
		t.Network = ""
	case "true":
		t.Network = "default"
	default:
		t.Network = name
	}
	return nil
}

// environment reads a mapping, or a list of KEY=VALUE.
func environment(t *Test, n *yaml.Node) error {
	if n.Kind == yaml.MappingNode {
		return each(n, func(key, value *yaml.Node) error {
			if key.Value == "" || strings.Contains(key.Value, "=") {
				return errorAt(key, "env: %q is not a variable name", key.Value)
			}
			s, err := text(value)
			t.Env = append(t.Env, key.Value+"="+s)
			return err
		})
	}
	list, err := texts(n)
	for _, entry := range list {
		if key, _, ok := strings.Cut(entry, "="); !ok || key == "" {
			return errorAt(n, "env: %q is not KEY=VALUE", entry)
		}
	}
	t.Env = list
	return err
}

func expectation(e *Expectation, n *yaml.Node) error {
	return each(n, func(key, value *yaml.Node) error {
		switch key.Value {
		case "equals":
			s, err := text(value)
			e.Equals = &s
			return err
		case "contains":
			var err error
			e.Contains, err = texts(value)
			return err
		case "matches":
			s, err := text(value)
			if err != nil {
				return err
			}
			if e.Matches, err = regexp.Compile(s); err != nil {
				return errorAt(value, "matches: %q is not a regular expression: %w", s, err)
			}
			return nil
		}
		return errorAt(key, "unknown key %q (the keys are equals, contains, matches)", key.Value)
	})
}

func text(n *yaml.Node) (string, error) {
	if n.Kind != yaml.ScalarNode {
		return "", errorAt(n, "want a text here, not a list or keys")
	}
	if n.Tag == "!!null" {
		return "", nil
	}
	return n.Value, nil
}

// texts reads one text, or a list of them.
func texts(n *yaml.Node) ([]string, error) {
	if n.Kind != yaml.SequenceNode {
		s, err := text(n)
		return []string{s}, err
	}
	var list []string
	for _, item := range n.Content {
		s, err := text(resolved(item))
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// words returns those of a command; nil if there are none.
func words(n *yaml.Node) ([]string, error) {
	if n.Kind == yaml.SequenceNode {
		return texts(n)
	}
	s, err := text(n)
	if err != nil {
		return nil, err
	}
	split, err := SplitWords(s)
	if err != nil {
		return nil, errorAt(n, "%w", err)
	}
	return split, nil
}
