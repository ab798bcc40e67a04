//go:build !linux

package container

import (
	"context"
	"errors"
	"net"

	"github.com/docker-multiarch/docker-multiarch/builder"
)

// Containers are not processes of these machines.

func localEngine(string) bool { return false }

func dialLocal(context.Context, string, int) (net.Conn, error) {
	return nil, errors.New("containers do not run on this machine")
}

func diskLocal(string, int) (builder.Disk, error) {
	return builder.Disk{}, errors.New("containers do not run on this machine")
}

func onThisKernel(string, int) bool { return false }

func handlersOf(string, int) string { return "" }

func lockedLocally(string, int) bool { return false }
