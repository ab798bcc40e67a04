package layers

// For tests from outside.
var (
	Scan        = scan
	Plain       = (*Listing).plain
	DecodePlain = decodePlain
)
