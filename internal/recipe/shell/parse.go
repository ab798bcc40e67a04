package shell

import (
	"errors"
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Parse parses a script as Bash, and as POSIX shell if that fails. It fails for a script that is beyond the bounds of this
// package.
func Parse(script string) (*syntax.File, error) {
	if why := tooLarge(script); why != "" {
		return nil, errors.New(why)
	}
	return parse(script)
}

func parse(script string) (file *syntax.File, err error) {
	for _, lang := range []syntax.LangVariant{syntax.LangBash, syntax.LangPOSIX} {
		if file, err = syntax.NewParser(syntax.Variant(lang)).Parse(strings.NewReader(script), ""); err == nil {
			return file, nil
		}
	}
	return nil, err
}

// tooLarge returns why a script is not parsed, or "" if it may be.
func tooLarge(script string) string {
	if len(script) > maxScript {
		return fmt.Sprintf("is a script of more than %d KiB, which is too much to read", maxScript>>10)
	}
	if opened(script) > maxOpened {
		return fmt.Sprintf("is a script with more than %d brackets and compound commands, which is too much to read", maxOpened)
	}
	return ""
}
