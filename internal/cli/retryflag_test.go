package cli

import (
	"testing"

	"github.com/spf13/pflag"
)

func TestTheLongestWaitForARegistryIsADurationOrZero(t *testing.T) {
	for text, want := range map[string]string{"90s": "1m30s", "0": "0s", "1h": "1h0m0s", "": "", "-1s": "", "2": "", "soon": ""} {
		var o PushRetry
		f := pflag.NewFlagSet("push", pflag.ContinueOnError)
		AddPushRetryFlag(f, &o)
		if before := f.Lookup("push-retry-max-wait").DefValue; before != "2m0s" {
			t.Fatalf("the default is %s", before)
		}
		err := f.Parse([]string{"--push-retry-max-wait=" + text})
		if (err == nil) != (want != "") || err == nil && o.String() != want {
			t.Errorf("%q: got %s, %v", text, o.String(), err)
		}
	}
}
