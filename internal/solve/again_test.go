package solve

import "testing"

func TestWhatIsDoneAgainAndWhatOfItMeets(t *testing.T) {
	yes, no := func() bool { return true }, func() bool { return false }
	never := func() bool { t.Error("it is asked although something else decides, and may wait"); return true }
	for name, tt := range map[string]struct {
		at   moment
		is   facts
		want reason
	}{
		"all is well at the barrier":            {atBarrier, facts{}, ""},
		"other sources":                         {atBarrier, facts{otherSources: true}, readUnderPins},
		"shared mounts":                         {atBarrier, facts{sharedMounts: true}, readIsolated},
		"one reading is enough for both":        {atBarrier, facts{otherSources: true, sharedMounts: true}, readUnderPins},
		"the build ended at the barrier":        {atBarrier, facts{cancelled: true, otherSources: true, sharedMounts: true}, ""},
		"pushed with its image":                 {afterExport, facts{}, ""},
		"attestations":                          {afterExport, facts{unpushed: true}, pushAlone},
		"the build ended at the export":         {afterExport, facts{cancelled: true, unpushed: true}, ""},
		"a busy registry":                       {afterExport, facts{busy: true}, pushAgain},
		"a busy registry and attestations":      {afterExport, facts{busy: true, unpushed: true}, pushAgain},
		"the build ended at a busy registry":    {afterExport, facts{cancelled: true, busy: true}, ""},
		"a registry is busy at the export only": {afterAttempt, facts{busy: true, failed: true, relocated: no}, ""},
		"done":                                  {afterAttempt, facts{relocated: never}, ""},
		"done, whatever could be":               {afterAttempt, facts{retries: 1, limit: 5, relocated: never}, ""},
		"read from other sources":               {afterAttempt, facts{unpinned: true, failed: true, relocated: never}, readUnderPins},
		"the pins go before another try":        {afterAttempt, facts{unpinned: true, failed: true, limit: 5, relocated: never}, readUnderPins},
		"a failure":                             {afterAttempt, facts{failed: true, relocated: no}, ""},
		"a failure that may be gone":            {afterAttempt, facts{failed: true, limit: 1, relocated: never}, tryAgain},
		"the last try":                          {afterAttempt, facts{failed: true, retries: 1, limit: 1, relocated: no}, ""},
		"relocated steps":                       {afterAttempt, facts{failed: true, relocated: yes}, fallBack},
		"another try goes before the fallback":  {afterAttempt, facts{failed: true, retries: 1, limit: 2, relocated: never}, tryAgain},
		"the fallback after the last try":       {afterAttempt, facts{failed: true, retries: 2, limit: 2, relocated: yes}, fallBack},
		"another try after the fallback":        {afterAttempt, facts{failed: true, limit: 1, fellBack: true, relocated: never}, tryAgain},
		"there is one fallback":                 {afterAttempt, facts{failed: true, fellBack: true, relocated: never}, ""},
		"the build ended in a try":              {afterAttempt, facts{cancelled: true, failed: true, limit: 5, relocated: never}, ""},
		"the build ended as pins were to come":  {afterAttempt, facts{cancelled: true, unpinned: true, failed: true, relocated: never}, ""},
		"what counts at the barrier is over":    {afterAttempt, facts{otherSources: true, sharedMounts: true, unpushed: true, relocated: never}, ""},
		"what counts at the end is not yet due": {atBarrier, facts{unpinned: true, failed: true, limit: 1, relocated: never}, ""},
		"a node that is lost":                   {afterAttempt, facts{failed: true, lost: true, elsewhere: yes, returned: never, limit: 5, relocated: never}, moveOn},
		"and that no other one replaces":        {afterAttempt, facts{failed: true, lost: true, elsewhere: no, returned: no, limit: 5, relocated: never}, ""},
		"and that returns":                      {afterAttempt, facts{failed: true, lost: true, elsewhere: no, returned: yes, relocated: never}, goOn},
		"and the build has ended":               {afterAttempt, facts{cancelled: true, failed: true, lost: true, elsewhere: never, relocated: never}, ""},
		"a failed attempt exports nothing":      {afterExport, facts{unpinned: true, failed: true, limit: 1, relocated: never}, ""},
	} {
		if got := again(tt.at, tt.is); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}
