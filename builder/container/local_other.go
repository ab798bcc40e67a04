//go:build !linux

package container

import (
	"context"
	"errors"
	"net"
)

// Containers are not processes of these machines.

func localEngine(string) bool { return false }

func dialLocal(context.Context, string, int) (net.Conn, error) {
	return nil, errors.New("containers do not run on this machine")
}

func diskLocal(string, int) (Disk, error) {
	return Disk{}, errors.New("containers do not run on this machine")
}

func lockedLocally(string, int) bool { return false }
