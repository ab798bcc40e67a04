package recipe

// recipes is the table of them all: a new kind of stage is a new entry.
var recipes = []Recipe{
	{
		Name:   "go",
		About:  "Go programs without cgo: go build for another CPU gives the same bytes as there",
		Auto:   true,
		Output: OutputTarget,
	},
	{
		Name:   "node",
		About:  "bundles of JavaScript and CSS that node makes, without native modules in them",
		Output: OutputNone,
	},
	{
		Name:   "java",
		About:  "bytecode: jars and wars that javac, Maven or Gradle make",
		Output: OutputNone,
	},
	{
		Name:   "hugo",
		About:  "static sites that hugo makes",
		Output: OutputNone,
	},
}
