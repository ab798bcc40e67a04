package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Confirm asks the user for a yes. Nothing is asked of whoever forces it.
func Confirm(ctx context.Context, w *Env, question string, force bool) (bool, error) {
	if force {
		return true, nil
	}
	Putf(w.Err, "%s [y/N] ", question)
	type reply struct {
		line string
		err  error
	}
	replies := make(chan reply, 1)
	go func() {
		line, err := bufio.NewReader(w.In).ReadString('\n')
		replies <- reply{line, err}
	}()
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case r := <-replies:
		if r.err != nil && !errors.Is(r.err, io.EOF) {
			return false, r.err
		}
		if errors.Is(r.err, io.EOF) {
			fmt.Fprintln(w.Err)
		}
		return strings.EqualFold(strings.TrimSpace(r.line), "y"), nil
	}
}
