package container

import "context"

// refusedError is what [Spec.May] said.
type refusedError struct{ error }

func (s Spec) may(ctx context.Context) error {
	if s.May == nil {
		return nil
	}
	if err := s.May(ctx); err != nil {
		return refusedError{err}
	}
	return nil
}
