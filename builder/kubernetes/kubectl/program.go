package kubectl

import (
	"bytes"
	"context"
	"io"
)

// Create makes objects, none of which exists.
func (c Client) Create(ctx context.Context, list []byte) error {
	_, err := c.Run(ctx, list, "create", "-f", "-", "-o", "name")
	return err
}

// Follow writes what a container has written, and goes on to write, until the container ends. Both of its streams are one here.
func (c Client) Follow(ctx context.Context, pod, container string, to io.Writer) error {
	cmd := c.command(ctx, "logs", "--follow", pod, "-c", container)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = to, &said
	if err := cmd.Run(); err != nil {
		return failure(ctx, err, said.String())
	}
	return nil
}

// Feed sends a container its standard input, and the end of that.
func (c Client) Feed(ctx context.Context, pod, container string, input []byte) error {
	_, err := run(ctx, c.command(ctx, "attach", "-i", "-q", pod, "-c", container), input)
	return err
}
