package source

import "github.com/docker-multiarch/docker-multiarch/internal/testkit"

var write, contains = testkit.Write, testkit.Contains
