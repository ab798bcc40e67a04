package main

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// callOptions are the user's words for what the frontend is to do: a build, or to answer a question.
type callOptions struct{ method string }

// addCallFlags adds the flags of questions.
func addCallFlags(f *pflag.FlagSet, o *callOptions) {
	f.StringVar(&o.method, "call", "build", `Set method for evaluating build ("check", "outline", "targets"; ",format=json", ",ignorestatus=true")`)
	check := f.VarPF(checkFlag{o}, "check", "", `Shorthand for "--call=check"`)
	check.NoOptDefVal = "true"
	f.StringVar(&o.method, "print", "build", "Print result of information request (e.g., outline, targets)")
	f.Lookup("print").Hidden = true // the former name of --call
}

// checkFlag is a shorthand. Of it and --call the later one counts, as in docker buildx.
type checkFlag struct{ o *callOptions }

func (c checkFlag) String() string { return "false" }
func (c checkFlag) Type() string   { return "bool" }
func (c checkFlag) Set(s string) error {
	on, err := strconv.ParseBool(s)
	if on {
		c.o.method = "check"
	}
	return err
}

// call is a question to the frontend.
type call struct {
	question     string // as BuildKit names it
	json         bool   // the answer as it came
	ignoreStatus bool   // findings are no failure
}

// parse gives no call for a build.
func (o callOptions) parse() (*call, error) {
	if o.method == "" {
		return nil, nil
	}
	fields, err := csv.NewReader(strings.NewReader(o.method)).Read()
	if err != nil {
		return nil, fmt.Errorf("--call %q: %w", o.method, err)
	}
	var c call
	for _, field := range fields {
		key, value, ok := strings.Cut(field, "=")
		switch {
		case !ok && c.question == "":
			c.question = field
		case key == "format" && (value == "json" || value == "text"):
			c.json = value == "json"
		case key == "ignorestatus":
			if c.ignoreStatus, err = strconv.ParseBool(value); err != nil {
				return nil, fmt.Errorf("--call %q: ignorestatus is true or false, not %q", o.method, value)
			}
		default:
			return nil, fmt.Errorf("--call %q: want METHOD[,format=json|text][,ignorestatus=true], and METHOD is one of build, check, outline, "+
				"targets, subrequests.describe", o.method)
		}
	}
	switch c.question {
	case "build", "":
		return nil, nil
	case "check":
		c.question = "lint"
	}
	return &c, nil
}
