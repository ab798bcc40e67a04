//go:build !linux && !darwin

package sink

import "os"

// hold does nothing: here a locked file cannot be renamed, and what a killed build has staged stays.
func hold(string) (*os.File, error) { return nil, nil } //nolint:nilnil // closing a nil file is harmless

func sweep(string) {}
