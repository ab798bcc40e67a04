package silence

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moby/buildkit/client"
)

func TestARegistryMayTakeLongToStoreALargeBlob(t *testing.T) {
	s := New(nil, func(sent int64) time.Duration { return time.Minute + time.Duration(sent) })
	s.look(1000, nil, time.Second)
	s.look(1000+1<<30, nil, time.Second)
	if _, limit := s.look(1000+1<<30, nil, time.Second); limit != time.Minute+1<<30 {
		t.Errorf("nothing may move for %s", limit)
	}
}

func TestAnUploadThatDoesNotMoveIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := int64(0)
		sent := func(context.Context) (int64, error) {
			looks++
			return 1<<20 + looks*100<<10, nil // an idle node answers pings, and is listed
		}
		s := New(sent, func(int64) time.Duration { return time.Minute })
		s.See(uploading())
		if silent := s.Await(t.Context()); silent < time.Minute || silent > 2*time.Minute {
			t.Errorf("an upload that does not move was noticed after %s", silent)
		}
	})
}

func TestABuildKitThatWasStartedAgainIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := int64(1 << 40)
		sent := func(context.Context) (int64, error) { left -= 1 << 20; return left, nil }
		s := New(sent, func(int64) time.Duration { return time.Minute })
		s.See(uploading())
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if silent := s.Await(ctx); silent != 0 {
			t.Errorf("the upload was given up after %s", silent)
		}
	})
}

// uploading says that an upload has begun.
func uploading() *client.SolveStatus {
	return &client.SolveStatus{Statuses: []*client.VertexStatus{{ID: "pushing layers"}}}
}
