// Package registryhttp gives the answers of registries the form that oras-go expects.
//
// docker and BuildKit accept more than the specification of distribution allows, and oras-go less: it reads the first challenge
// only, it refuses a manifest with a wrong Content-Type, and a write that is answered with 200. Each function here removes one such
// difference, and says which. [Do] applies those that belong to one request; the others concern logins, uploads and waits, and are
// called where these happen.
//
// Nothing here sends a login, follows a redirect, or believes a digest: that stays with the caller.
package registryhttp
