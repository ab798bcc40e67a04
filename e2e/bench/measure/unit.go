package measure

// Unit is what a row measures, in the words of the table.
type Unit string

// These are the units: of time, of CPU time, of peak resident memory, of a file's size, of uploads to a registry, and of requests to one.
const (
	Millis   Unit = "ms"
	CPU      Unit = "ms of CPU"
	MiB      Unit = "MiB"
	Disk     Unit = "MiB on disk"
	Sent     Unit = "MB sent"
	Requests Unit = "requests"
)
