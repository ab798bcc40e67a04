package source

import "fmt"

// ContextError means that a build context is a file, and not a directory.
type ContextError struct{ Path string }

func (e *ContextError) Error() string {
	return fmt.Sprintf("the build context %q is not a directory", e.Path)
}

// DockerfileError means that another Dockerfile has to be named: the one at Path is missing or is not a readable file.
type DockerfileError struct {
	Path string
	Err  error // nil: it does not exist
}

func (e *DockerfileError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("there is no Dockerfile at %q", e.Path)
	}
	return fmt.Sprintf("the Dockerfile %q %v", e.Path, e.Err)
}

func (e *DockerfileError) Unwrap() error { return e.Err }

// NamedContextError means that a named context cannot be used.
type NamedContextError struct {
	Name, Value string // as the user gives them
	Err         error
}

func (e *NamedContextError) Error() string {
	return fmt.Sprintf("the named context %s=%s: %v", e.Name, e.Value, e.Err)
}

func (e *NamedContextError) Unwrap() error { return e.Err }
