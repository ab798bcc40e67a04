package trust

import (
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
)

// ParseIDs reads the IDs of images, with spaces or commas between them.
func ParseIDs(text string) ([]digest.Digest, error) {
	var ids []digest.Digest
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }) {
		id, err := digest.Parse(word)
		if err != nil {
			return nil, fmt.Errorf("%q is not the ID of an image: give all of it, sha256: and 64 digits,"+
				" as docker image inspect -f '{{.Id}}' NAME shows it", word)
		}
		ids = append(ids, id)
	}
	return ids, nil
}
