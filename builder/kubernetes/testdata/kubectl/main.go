// Command kubectl is a stand-in for the program of that name: it passes its words and its input on to the cluster of a test, and prints
// what comes back. The first line of an answer is "ok", or what kubectl would say of a failure, with | for the ends of lines.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

func main() {
	c, err := net.Dial("unix", os.Getenv("TEST_KUBECTL_SOCKET"))
	if err == nil {
		err = json.NewEncoder(c).Encode(os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() {
		_, _ = io.Copy(c, os.Stdin)
		_ = c.(*net.UnixConn).CloseWrite()
	}()
	in := bufio.NewReader(c)
	head, err := in.ReadString('\n')
	if err != nil || head != "ok\n" {
		fmt.Fprint(os.Stderr, strings.ReplaceAll(head, "|", "\n"))
		os.Exit(1)
	}
	_, _ = io.Copy(os.Stdout, in)
}
