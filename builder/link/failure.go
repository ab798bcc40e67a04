package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// dialError is a failure to connect.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

// handshakeError is a failure of TLS.
type handshakeError struct{ error }

func (e *handshakeError) Unwrap() error { return e.error }

// AwayError means that no connection was made because the network, or the machine, could not be reached; it was not refused.
type AwayError struct{ Err error }

func (e *AwayError) Error() string { return e.Err.Error() }
func (e *AwayError) Unwrap() error { return e.Err }

// isAway reports whether a connection was not made, or ended, because of the network.
func (l *line) isAway(err error) bool {
	if _, ok := errors.AsType[*AwayError](err); ok {
		return true
	}
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		return name.IsTemporary
	}
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return slices.Contains([]syscall.Errno{syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN, syscall.ETIMEDOUT}, number)
	}
	said, ok := programSaid(err) // of an engine behind ssh, whose other errors are its own words
	if l.opt.Program {
		said, ok = err.Error(), true
	}
	return ok && saysAway(said)
}

// saysAway reports whether a program that connects (ssh, kubectl) names the network as the reason. "Connection refused" is the answer of a
// machine.
func saysAway(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc([]string{
		"unreachable", "no route to host", "host is down", "network is down", // connect(2)
		"timed out", "i/o timeout", "timeout, server", // "Timeout, server HOST not responding", if ServerAliveInterval is set
		"could not resolve", "no such host",
		"send disconnect:", "connection reset by", "client connection lost", // during the connection; the last one is HTTP/2's
	}, func(words string) bool { return strings.Contains(text, words) })
}

// failure returns why BuildKit did not answer. answer is the error of the request, timeout what it was
// given.
func (l *line) failure(answer error, timeout time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err, ok := errors.AsType[*dialError](l.err); ok {
		switch {
		case isTimeout(err):
		case l.isAway(err):
			return &AwayError{err.error}
		default:
			return err.error
		}
	}
	if err, ok := errors.AsType[*handshakeError](l.err); ok {
		return tlsFailure(err.error)
	}
	switch code := status.Code(answer); {
	case len(l.first) > 0 && !isHTTP2(l.first):
		return l.foreign()
	case len(l.first) > 0 && code != codes.Unavailable && code != codes.DeadlineExceeded:
		return fmt.Errorf("there is a server, but no BuildKit: %s", messageOf(answer))
	case l.err != nil && !isTimeout(l.err) && l.isAway(l.err):
		return &AwayError{l.closed()}
	case l.err != nil && !isTimeout(l.err):
		return l.closed()
	case code != codes.DeadlineExceeded && !errors.Is(answer, context.DeadlineExceeded):
		return answer
	case !l.connected:
		return &AwayError{fmt.Errorf("no connection within %s", timeout)}
	}
	return fmt.Errorf("something accepts connections there, but did not answer within %s", timeout)
}

// isTimeout reports whether this program has ended the wait, and not the system.
func isTimeout(err error) bool {
	waited, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || (ok && waited.Timeout() && !errors.Is(err, syscall.ETIMEDOUT))
}

// messageOf returns the first line of a server's own message.
func messageOf(err error) string {
	message := err.Error()
	var own interface{ GRPCStatus() *status.Status }
	if errors.As(err, &own) {
		message = own.GRPCStatus().Message()
	}
	line, _, _ := strings.Cut(message, "\n")
	return line
}

func tlsFailure(err error) error {
	if other, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Errorf("its certificate is for %s, not for %s", strings.Join(namesOf(other.Certificate), ", "), other.Host)
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return errors.New("its certificate was not issued by the given CA")
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return errors.New("it does not speak TLS")
	}
	return fmt.Errorf("no TLS connection: %w", err)
}

// namesOf returns the hosts that a certificate is for.
func namesOf(c *x509.Certificate) []string {
	names := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return []string{"no host"}
	}
	return names
}

const (
	settingsFrame = 4    // of HTTP/2; a server's first frame is one
	alertRecord   = 0x15 // of TLS: the answer to a client that does not speak it
)

func isHTTP2(first []byte) bool { return len(first) > 3 && first[3] == settingsFrame }

// foreign returns what a server that is no BuildKit has answered.
func (l *line) foreign() error {
	if l.opt.TLS == nil && l.first[0] == alertRecord {
		return errors.New("it expects TLS")
	}
	said, _, _ := strings.Cut(string(l.first), "\n")
	return fmt.Errorf("there is a server, but no BuildKit: its answer begins with %q", strings.TrimSpace(said))
}

// closed returns why a connection ended without an answer.
func (l *line) closed() error {
	if alert, ok := errors.AsType[*net.OpError](l.err); ok && alert.Op == "remote error" {
		if l.opt.TLS != nil && len(l.opt.TLS.Certificates) == 0 {
			return fmt.Errorf("it requires a client's certificate (%w)", alert.Err)
		}
		return fmt.Errorf("it refuses the client's certificate (%w)", alert.Err)
	}
	if said, ok := programSaid(l.err); ok {
		return errors.New(said)
	}
	if errors.Is(l.err, io.EOF) || errors.Is(l.err, syscall.ECONNRESET) {
		if l.opt.TLS == nil {
			return errors.New("it closes the connection without an answer; a server that expects TLS does so, too")
		}
		return errors.New("it closes the connection without an answer")
	}
	return l.err
}

// programSaid returns the standard error of a program that was the connection, from the error of the
// Docker CLI's library, which has it at its end. ok is false for another error.
func programSaid(err error) (said string, ok bool) {
	command, said, ok := strings.Cut(err.Error(), ", make sure the URL is valid, and Docker 18.09 or later is installed on the remote host: stderr=")
	if said = strings.TrimSpace(said); ok && said == "" {
		return command, true
	}
	return said, ok
}
