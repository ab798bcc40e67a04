// Package faultregistry puts faults between a client and a registry, for tests.
//
// A [Registry] is an http.Handler in front of another one: an in-process registry, or a real one through [Upstream]. It logs
// every request, and applies the first fault that matches:
//
//	faults := faultregistry.New(registry.New())
//	faults.Add(faultregistry.Fault{Match: faultregistry.TagPut, Times: 2, Do: faultregistry.Answer(502, "", "")})
//	server := httptest.NewServer(faults)
//	…
//	faults.Requests() // [PUT /v2/app/manifests/v1 502 …]
//
// [Basic] and [Tokens] stand in front of a handler and require a login: [Tokens] is the registry's side and the token server in
// one, at /token. A [Registry] around them logs refused requests as well.
//
// A [Quirky] is a registry that differs from the specification in ways which docker and BuildKit accept. Its [Quirks] have names, and
// are chosen by a test, by a header, or by a part of the repository's name, so that one server can have all of them:
//
//	docker multiarch build --push -t HOST/quirks.put-200.no-head-405/app .
//
// [Memory] is a registry of its own, to be put behind the others; [Network] carries requests to handlers without connections.
// [Line] limits and counts uploads; [Exclusive] refuses a second upload of one blob at the same time.
//
// The package uses the standard library only, and is safe for concurrent use.
package faultregistry
