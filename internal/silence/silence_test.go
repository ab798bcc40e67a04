package silence

import (
	"testing"
	"time"
)

func TestARegistryMayTakeLongToStoreALargeBlob(t *testing.T) {
	s := New(nil, func(sent int64) time.Duration { return time.Minute + time.Duration(sent) })
	s.look(1000, nil, time.Second)
	s.look(1000+1<<30, nil, time.Second)
	if _, limit := s.look(1000+1<<30, nil, time.Second); limit != time.Minute+1<<30 {
		t.Errorf("nothing may move for %s", limit)
	}
}
