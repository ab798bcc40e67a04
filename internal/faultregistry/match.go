package faultregistry

import (
	"net/http"
	"strings"
)

// Matcher chooses requests.
type Matcher func(method, path string) bool

// On matches a method (empty: any) and a part of the path (empty: any).
func On(method, part string) Matcher {
	return func(m, path string) bool {
		return (method == "" || m == method) && strings.Contains(path, part)
	}
}

// TagPut matches the writing of a tag.
func TagPut(method, path string) bool {
	return method == http.MethodPut && isTag(path)
}

// TagRead matches the reading of a tag, by GET or HEAD.
func TagRead(method, path string) bool {
	return isRead(method) && isTag(path)
}

// ChildRead matches the reading of a manifest by digest, by GET or HEAD.
func ChildRead(method, path string) bool {
	return isRead(method) && isManifest(path) && !isTag(path)
}

func isRead(method string) bool { return method == http.MethodGet || method == http.MethodHead }

func isManifest(path string) bool { return strings.Contains(path, "/manifests/") }

func isTag(path string) bool {
	_, name, found := strings.Cut(path, "/manifests/")
	return found && !strings.Contains(name, ":")
}
