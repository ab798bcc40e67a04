package main

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/docker-multiarch/docker-multiarch/builder"
)

// brokenConnection tells whether an error is about the connection to BuildKit and not about the build.
func brokenConnection(err error) bool {
	var answer interface{ GRPCStatus() *status.Status }
	return errors.As(err, &answer) && answer.GRPCStatus().Code() == codes.Unavailable
}

// lost says what became of a node whose connection broke.
func lost(ctx context.Context, node *builder.Node) error {
	return &hinted{
		err:  node.Why(ctx),
		hint: "run the build again: the builder is started, and finished steps are in its cache; with --jobs fewer platforms are built at once",
	}
}
