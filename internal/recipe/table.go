package recipe

import "slices"

// All returns the recipes, automatic ones first. The caller owns the result.
func All() []Recipe { return slices.Clone(recipes) }

// Find returns the recipe of a name.
func Find(name string) (Recipe, bool) {
	for _, r := range recipes {
		if r.Name == name {
			return r, true
		}
	}
	return Recipe{}, false
}

// recipes is the table of all recipes. A new kind of stage is a new entry.
var recipes = []Recipe{
	{
		Name:   "go",
		About:  "Go programs without cgo: go build for another CPU gives the same bytes as there",
		Auto:   true,
		Output: OutputTarget,
		marks:  marks{env: []string{"GOLANG_VERSION", "GOPATH", "GOROOT"}},
		tools:  []string{"go"},
		kind:   kind{files: golangFiles, diagnoses: diagnosesGo, judge: func(e *judgement) language { return newGolang(e) }},
	},
	{
		Name:   "node",
		About:  "bundles of JavaScript and CSS that node makes, without native modules in them",
		Output: OutputNone,
		marks:  marks{env: []string{"NODE_VERSION"}, files: []string{"/usr/local/bin/node", "/usr/bin/node"}, packages: []string{"nodejs", "nodejs-current"}},
		tools:  []string{"node", "npm", "npx", "yarn", "pnpm", "corepack"},
	},
	{
		Name:   "java",
		About:  "bytecode: jars and wars that javac, Maven or Gradle make",
		Output: OutputNone,
		marks: marks{
			env:      []string{"JAVA_VERSION"},
			files:    []string{"/opt/java/openjdk/bin/javac", "/usr/local/openjdk/bin/javac", "/usr/bin/javac", "/usr/bin/java"},
			packages: []string{"maven", "gradle", "default-jdk", "default-jdk-headless"},
		},
		tools: []string{"java", "javac", "jar", "mvn", "mvnw", "gradle", "gradlew", "ant"},
	},
	{
		Name:   "hugo",
		About:  "static sites that hugo makes",
		Output: OutputNone,
		marks:  marks{files: []string{"/usr/local/bin/hugo", "/usr/bin/hugo", "/bin/hugo", "/hugo"}, packages: []string{"hugo"}},
		tools:  []string{"hugo"},
	},
}
