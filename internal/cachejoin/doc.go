// Package cachejoin joins the caches that several BuildKits have exported to one repository, or to folders inside one, so that all of them,
// and docker buildx, import all of it under one name.
//
// A cache of BuildKit is a manifest with layers and a config, which lists records of steps that refer to one another, and to layers, by
// index (cache/remotecache/v1 of BuildKit). The nodes export the layers themselves, so a join writes a config and a manifest only. [Join] is
// pure; [Target.Join] does the same to a [Tag] of a registry, or to one of a [Folder].
//
// The joined manifest lists, besides all layers, the config of each node's share with a mark: the node's name and when the share was
// exported. So the manifest has everything that the next join needs, and keeps a registry from removing it. A share is replaced by the next
// one of its node.
package cachejoin
