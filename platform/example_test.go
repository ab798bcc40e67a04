package platform_test

import (
	"fmt"
	"slices"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

func ExampleParse() {
	ps, notes, err := platform.Parse("linux/amd64, aarch64", "armhf,linux/arm64/v8")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range ps {
		fmt.Println(platform.Format(p))
	}
	fmt.Println("note:", notes[0])
	// Output:
	// linux/amd64
	// linux/arm64
	// linux/arm/v7
	// note: "linux/arm64/v8" is the same platform as "aarch64": built once
}

func ExampleParse_unknown() {
	_, _, err := platform.Parse("linux/amr64")
	fmt.Println(err)
	// Output: unknown platform "linux/amr64": did you mean "linux/arm64"?
}

func ExampleCompare() {
	ps, _, err := platform.Parse("windows/amd64,linux/arm64,linux/arm/v7,linux/arm/v6,linux/amd64")
	if err != nil {
		fmt.Println(err)
		return
	}
	slices.SortFunc(ps, platform.Compare)
	for _, p := range ps {
		fmt.Println(platform.Format(p))
	}
	// Output:
	// linux/amd64
	// linux/arm/v6
	// linux/arm/v7
	// linux/arm64
	// windows/amd64
}
