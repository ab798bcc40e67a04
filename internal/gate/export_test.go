package gate

// For tests from outside.
var (
	Scan        = scan
	Plain       = (*Listing).plain
	DecodePlain = decodePlain
)

// Follow is what a command starts in its turn: the words, and where.
func Follow(argv ...string) (words []string, dir string, known bool) {
	next, ok := follow(argv)
	return next.argv, next.dir, ok
}
