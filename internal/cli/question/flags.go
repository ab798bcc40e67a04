// Package question has --call: the question that the frontend answers instead of a build, and the printers of its answers.
package question

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// Flags are the flags about the frontend's task, a build or a question, as the user wrote them.
type Flags struct{ Method string }

// AddFlags adds the flags about questions.
func AddFlags(f *pflag.FlagSet, o *Flags) {
	f.StringVar(&o.Method, "call", "build", `Set method for evaluating build ("check", "outline", "targets"; ",format=json", ",ignorestatus=true")`)
	check := f.VarPF(checkFlag{o}, "check", "", `Shorthand for "--call=check"`)
	check.NoOptDefVal = "true"
	f.StringVar(&o.Method, "print", "build", "Print result of information request (e.g., outline, targets)")
	f.Lookup("print").Hidden = true // the former name of --call
}

// checkFlag is the shorthand --check. As in docker buildx, the later one of --check and --call counts.
type checkFlag struct{ o *Flags }

func (c checkFlag) String() string { return "false" }
func (c checkFlag) Type() string   { return "bool" }
func (c checkFlag) Set(s string) error {
	on, err := strconv.ParseBool(s)
	if on {
		c.o.Method = "check"
	}
	return err
}

// Call is a question to the frontend.
type Call struct {
	Question     string // BuildKit's name of it
	JSON         bool   // prints the answer unchanged
	IgnoreStatus bool   // findings are not a failure
}

// Parse returns nil for a build.
func (o Flags) Parse() (*Call, error) {
	if o.Method == "" {
		return nil, nil
	}
	fields, err := csv.NewReader(strings.NewReader(o.Method)).Read()
	if err != nil {
		return nil, fmt.Errorf("--call %q: %w", o.Method, err)
	}
	var c Call
	for _, field := range fields {
		key, value, ok := strings.Cut(field, "=")
		switch {
		case !ok && c.Question == "":
			c.Question = field
		case key == "format" && (value == "json" || value == "text"):
			c.JSON = value == "json"
		case key == "ignorestatus":
			if c.IgnoreStatus, err = strconv.ParseBool(value); err != nil {
				return nil, fmt.Errorf("--call %q: ignorestatus is true or false, not %q", o.Method, value)
			}
		default:
			return nil, fmt.Errorf("--call %q: want METHOD[,format=json|text][,ignorestatus=true], and METHOD is one of build, check, outline, "+
				"targets, subrequests.describe", o.Method)
		}
	}
	switch c.Question {
	case "build", "":
		return nil, nil
	case "check":
		c.Question = "lint"
	}
	return &c, nil
}
