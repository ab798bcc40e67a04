package logins

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/docker/cli/cli/config/types"
	"github.com/docker/docker-credential-helpers/client"
	"github.com/docker/docker-credential-helpers/credentials"
)

// helperLimits bound a credential helper.
type helperLimits struct {
	say    time.Duration // after so long, a note about the wait is printed
	answer time.Duration // after so long the helper is ended; it may be asking a person
	output int           // bytes that it may write, on each stream
}

var helperDefaults = helperLimits{say: 3 * time.Second, answer: 2 * time.Minute, output: 64 << 10}

// helperToken is the user name by which a helper marks its secret as an identity token (docker/cli, native_store.go).
const helperToken = "<token>"

// helperProgram is a credential helper, called for one registry.
type helperProgram struct {
	name, host string
	limits     helperLimits
	note       func(string)
	prompts    io.Writer // standard error, as the user sees it
}

// get returns the login of a registry, by the registry's key in the Docker config; it is empty if the helper has none. The helper is
// ended with ctx.
func (h helperProgram) get(ctx context.Context, key string) (types.AuthConfig, error) {
	slow := fmt.Errorf("%s did not answer within %s", h.name, h.limits.answer)
	bounded, cancel := context.WithTimeoutCause(ctx, h.limits.answer, slow)
	defer cancel()
	if h.note != nil {
		saying := time.AfterFunc(h.limits.say, func() {
			h.note(fmt.Sprintf("waiting for credential helper %s to answer for %s", h.name, h.host))
		})
		defer saying.Stop()
	}
	run := &helperRun{ctx: bounded, program: h}
	got, err := client.Get(func(args ...string) client.Program { run.args = args; return run }, key)
	switch {
	case credentials.IsErrCredentialsNotFound(err):
		return types.AuthConfig{}, nil
	case run.ended != nil:
		return types.AuthConfig{}, run.ended
	case err != nil:
		return types.AuthConfig{}, err
	case got.Username == helperToken:
		return types.AuthConfig{IdentityToken: got.Secret, ServerAddress: key}, nil
	}
	return types.AuthConfig{Username: got.Username, Password: got.Secret, ServerAddress: key}, nil
}

// helperRun is one call of a helper. It implements client.Program.
type helperRun struct {
	ctx     context.Context //nolint:containedctx // of the one call that it is made for: Output takes none
	program helperProgram
	args    []string
	input   io.Reader
	ended   error // why it was ended
}

// Input implements client.Program.
func (r *helperRun) Input(in io.Reader) { r.input = in }

// Output implements client.Program. It returns the helper's standard output. The helper's standard error goes to the user, as with the
// Docker CLI, since it may be a question.
func (r *helperRun) Output() ([]byte, error) {
	ctx, cancel := context.WithCancelCause(r.ctx)
	defer cancel(nil)
	flood := fmt.Errorf("%s wrote more than %d KiB", r.program.name, r.program.limits.output>>10)
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, r.program.name, r.args...) //nolint:gosec // the user's Docker config names it
	cmd.Stdin = r.input
	cmd.Stdout = &cutWriter{w: &out, left: r.program.limits.output, full: func() { cancel(flood) }}
	cmd.Stderr = &cutWriter{w: r.program.prompts, left: r.program.limits.output, full: func() { cancel(flood) }}
	cmd.WaitDelay = time.Second // for child processes that the helper leaves behind
	err := cmd.Run()
	if r.ended = context.Cause(ctx); r.ended != nil {
		return nil, r.ended
	}
	if err != nil { // the helper's output is part of the error, and may be long
		return []byte(firstOf(out.String(), 300)), err
	}
	return out.Bytes(), nil
}

// cutWriter passes on a limited number of bytes, then notes once that there are more, and drops them.
type cutWriter struct {
	w    io.Writer
	left int
	full func()
}

func (c *cutWriter) Write(p []byte) (int, error) {
	part := p[:min(len(p), max(c.left, 0))]
	c.left -= len(p)
	if c.left < 0 {
		c.full()
	}
	if len(part) > 0 {
		if _, err := c.w.Write(part); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// firstOf returns the beginning of a text, on one line.
func firstOf(text string, limit int) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
}
