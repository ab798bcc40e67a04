package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/ctxio"
)

// Confirm asks the user a yes-or-no question. With force it does not ask.
func Confirm(ctx context.Context, w *Env, question string, force bool) (bool, error) {
	if force {
		return true, nil
	}
	Putf(w.Err, "%s [y/N] ", question)
	line, err := bufio.NewReader(ctxio.Reader(ctx, w.In)).ReadString('\n')
	switch {
	case errors.Is(err, io.EOF):
		fmt.Fprintln(w.Err)
	case err != nil:
		return false, err
	}
	return strings.EqualFold(strings.TrimSpace(line), "y"), nil
}
