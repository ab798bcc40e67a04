package manifest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

func TestTheFirstReadFindsTheSchemeOut(t *testing.T) {
	w := newWorld(t, nil, nil)
	child := w.push(t, "app", "linux/amd64")[0]
	if _, err := w.client.Child(t.Context(), w.tag(t, "app"), child.Digest); err != nil {
		t.Fatal(err)
	}
	want := []string{"GET /v2/app/manifests/" + child.Digest.String() + " 200"}
	if diff := cmp.Diff(want, w.faults.Matching(faultregistry.On("", ""))); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestWhatTheRegistrySaysToTheFirstReadIsKept(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusForbidden} {
		w := newWorld(t, nil, nil)
		child := w.push(t, "app", "linux/amd64")[0]
		w.faults.Add(faultregistry.Fault{Do: faultregistry.Answer(status, "DENIED", "not for you")})
		_, err := w.client.Child(t.Context(), w.tag(t, "app"), child.Digest)
		if err == nil || !strings.Contains(err.Error(), "not for you") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestTheFirstReadThatIsRedirectedFollows(t *testing.T) {
	w := newWorld(t, nil, nil)
	child := w.push(t, "app", "linux/amd64")[0]
	path := "/v2/app/manifests/" + child.Digest.String()
	w.faults.Add(faultregistry.Fault{Match: faultregistry.On("", path), Do: func(rw http.ResponseWriter, req *http.Request, next http.Handler) {
		if req.URL.RawQuery == "" {
			http.Redirect(rw, req, path+"?again=1", http.StatusTemporaryRedirect)
			return
		}
		next.ServeHTTP(rw, req)
	}})
	if _, err := w.client.Child(t.Context(), w.tag(t, "app"), child.Digest); err != nil {
		t.Error(err)
	}
}
