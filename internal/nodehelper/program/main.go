//go:build linux

// Command program runs in a step on a node, where what it needs is mounted. It is part of this program (package nodehelper), for the
// architectures of nodes. It has no flags, since only this program calls it, and few imports, since it is sent to nodes.
//
//	list NAME DIFFID …
//
// lists layers. The files of a layer are mounted below /layers/NAME, see [tree.Layer]. It writes the file /out/NAME: a line with the diff ID of
// what is mounted, and its size in bytes, or an error; and the listing, if it is the layer, which has the diff ID of the argument.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"strconv"
	"sync"

	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
	"github.com/docker-multiarch/docker-multiarch/internal/nodehelper/tree"
)

func main() {
	if len(os.Args) < 2 || os.Args[1] != "list" {
		os.Exit(64)
	}
	var wait sync.WaitGroup
	failed := make(chan error, len(os.Args))
	for args := os.Args[2:]; len(args) >= 2; args = args[2:] {
		name, diffID := args[0], args[1]
		wait.Go(func() { failed <- os.WriteFile("/out/"+name, list("/layers/"+name, diffID), 0o644) })
	}
	wait.Wait()
	close(failed)
	for err := range failed {
		if err != nil {
			println(err.Error())
			os.Exit(1)
		}
	}
}

// list returns the content of a layer's file.
func list(dir, diffID string) []byte {
	l := tree.Layer{Changed: dir + "/changed"}
	if _, err := os.Lstat(dir + "/lower"); err == nil {
		l.Lower, l.Upper = dir+"/lower", dir+"/upper"
	}
	hash, size := sha256.New(), counter(0)
	stream, w := io.Pipe()
	go func() { w.CloseWithError(tree.Write(io.MultiWriter(hash, &size, w), l)) }()
	made, err := listing.Scan(context.Background(), stream, listing.MaxCost)
	if err == nil {
		_, err = io.Copy(io.Discard, stream) // the end of the stream, which only the digest needs
	}
	if err != nil {
		_ = stream.CloseWithError(err)
		return []byte("error: " + err.Error() + "\n")
	}
	is := "sha256:" + hex.EncodeToString(hash.Sum(nil))
	line := []byte(is + " " + strconv.FormatInt(int64(size), 10) + "\n")
	if is != diffID {
		return line
	}
	return append(line, made.Encode()...)
}

// counter counts the bytes that are written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
