//go:build linux

package main

import (
	"strconv"
	"strings"
	"syscall"
)

func (s served) accept(listener int) {
	for {
		fd, err := retried(func() (int, error) {
			fd, _, err := syscall.Accept4(listener, syscall.SOCK_CLOEXEC)
			return fd, err
		})
		if err != nil {
			continue // the peer is gone, or there are too many: they go
		}
		go func() {
			s.answer(fd)
			_ = syscall.Shutdown(fd, syscall.SHUT_WR)
			_ = syscall.Close(fd)
		}()
	}
}

// patience is how long a connection may take for its request, in seconds, or for the next part of an answer.
const patience = 60

// answer answers the one request of a connection. To anything else, such as the beginning of TLS, it says that it is plain HTTP.
func (s served) answer(fd int) {
	for _, way := range []int{syscall.SO_RCVTIMEO, syscall.SO_SNDTIMEO} {
		_ = syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, way, &syscall.Timeval{Sec: patience})
	}
	method, path := request(fd)
	if method != "GET" && method != "HEAD" {
		head(fd, "400 Bad Request", blob{})
		return
	}
	b, ok := s.blobs[path]
	if !ok {
		head(fd, "404 Not Found", blob{})
		return
	}
	if b.document != nil {
		if head(fd, "200 OK", b) && method == "GET" {
			put(fd, b.document)
		}
		return
	}
	s.file(fd, method, b)
}

func (s served) file(fd int, method string, b blob) {
	from, err := retried(func() (int, error) {
		return syscall.Open(s.folder+"/"+b.hex, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0)
	})
	if err != nil {
		head(fd, "404 Not Found", blob{})
		return
	}
	defer func() { _ = syscall.Close(from) }()
	var stat syscall.Stat_t
	if err := syscall.Fstat(from, &stat); err != nil || stat.Mode&syscall.S_IFMT != syscall.S_IFREG || stat.Size != b.size {
		head(fd, "404 Not Found", blob{})
		return
	}
	if !head(fd, "200 OK", b) || method != "GET" {
		return
	}
	for left := b.size; left > 0; {
		n, err := retried(func() (int, error) { return syscall.Sendfile(fd, from, nil, int(min(left, 1<<20))) })
		if err != nil || n <= 0 {
			return
		}
		left -= int64(n)
	}
}

// request reads a request up to the end of its headers, and returns its method and path; empty ones for anything else.
func request(fd int) (method, path string) {
	var text string
	for buf := make([]byte, 4<<10); !strings.Contains(text, "\r\n\r\n"); {
		n, err := retried(func() (int, error) { return syscall.Read(fd, buf) })
		if n <= 0 || err != nil || len(text)+n > maxRequest {
			return "", ""
		}
		text += string(buf[:n])
		if text[0] < 'A' || text[0] > 'Z' {
			return "", "" // the beginning of TLS has no such end
		}
	}
	line, _, _ := strings.Cut(text, "\r\n")
	method, rest, _ := strings.Cut(line, " ")
	path, _, _ = strings.Cut(rest, " ")
	path, _, _ = strings.Cut(path, "?")
	return method, path
}

func head(fd int, status string, b blob) bool {
	text := "HTTP/1.1 " + status + "\r\nConnection: close\r\nDocker-Distribution-Api-Version: registry/2.0\r\nContent-Length: " +
		strconv.FormatInt(b.size, 10) + "\r\n"
	if b.hex != "" {
		text += "Docker-Content-Digest: sha256:" + b.hex + "\r\n"
	}
	if mediaType := b.mediaType; mediaType != "" {
		text += "Content-Type: " + mediaType + "\r\n"
	} else {
		text += "Content-Type: application/octet-stream\r\n"
	}
	return put(fd, []byte(text+"\r\n"))
}
