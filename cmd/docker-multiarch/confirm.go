package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// confirm asks the user for a yes. Nothing is asked of whoever forces it.
func confirm(ctx context.Context, w *world, question string, force bool) (bool, error) {
	if force {
		return true, nil
	}
	putf(w.err, "%s [y/N] ", question)
	type reply struct {
		line string
		err  error
	}
	replies := make(chan reply, 1)
	go func() {
		line, err := bufio.NewReader(w.in).ReadString('\n')
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
			fmt.Fprintln(w.err)
		}
		return strings.EqualFold(strings.TrimSpace(r.line), "y"), nil
	}
}
