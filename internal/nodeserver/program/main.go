//go:build linux

// Command program serves blobs of a BuildKit's content store to the engine beside it, as a registry that can only be read. It is part of this
// program (package nodeserver), for the architectures of nodes. It is sent to a node for each use, so it has no package that makes it large.
//
// Its standard input has lines: a secret, the folder of the blobs, then for each blob that may be read
//
//	b HEX SIZE          a blob of the folder, by the end of its digest and its size in bytes
//	d HEX SIZE TYPE     a document of this media type, which follows in SIZE bytes
//
// and a line with a dot. Then it listens at a port of loopback and writes the port's number and a line feed. The one repository has the
// secret as its name; all other paths do not exist. It ends when its standard input does, and so with the connection of its client.
package main

import (
	"strconv"
	"syscall"
)

// limits of what it takes, in bytes.
const (
	maxLine      = 4 << 10
	maxDocuments = 64 << 20
	maxRequest   = 16 << 10
)

// maxLife bounds how long it runs, in seconds, if the engine does not learn that the client is gone.
const maxLife = 3 * 3600

func main() {
	s, ok := read(&input{fd: 0})
	if !ok {
		fail("the input is not what this program reads")
	}
	listener, port := listen()
	put(1, []byte(strconv.Itoa(port)+"\n"))
	go s.accept(listener)
	go func() {
		_ = syscall.Nanosleep(&syscall.Timespec{Sec: maxLife}, nil)
		syscall.Exit(0)
	}()
	for rest := make([]byte, 1); ; {
		if n, err := retried(func() (int, error) { return syscall.Read(0, rest) }); n <= 0 || err != nil {
			syscall.Exit(0)
		}
	}
}

func fail(why string) {
	put(2, []byte(why+"\n"))
	syscall.Exit(1)
}

// listen listens at a free port of loopback.
func listen() (fd, port int) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = syscall.Listen(fd, 128)
	}
	if err != nil {
		fail("listen: " + err.Error())
	}
	name, err := syscall.Getsockname(fd)
	at, ok := name.(*syscall.SockaddrInet4)
	if err != nil || !ok {
		fail("listen: no port")
	}
	return fd, at.Port
}

// retried repeats a call that a signal has interrupted.
func retried(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != syscall.EINTR { //nolint:errorlint // it is not wrapped
			return n, err
		}
	}
}

func put(fd int, data []byte) bool {
	for len(data) > 0 {
		n, err := retried(func() (int, error) { return syscall.Write(fd, data) })
		if err != nil || n <= 0 {
			return false
		}
		data = data[n:]
	}
	return true
}
