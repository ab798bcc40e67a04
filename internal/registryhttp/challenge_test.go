package registryhttp

import (
	"net/http"
	"strings"
	"testing"
)

func TestTheLoginIsTheFirstBearerElseTheFirstBasic(t *testing.T) {
	for name, tt := range map[string]struct {
		headers []string
		want    string // "" if there is none
	}{
		"Basic alone":                        {[]string{`Basic realm="registry"`}, "Basic"},
		"Basic in capitals":                  {[]string{`BASIC realm="registry"`}, "Basic"},
		"Basic without realm":                {[]string{`basic`}, "Basic"},
		"Negotiate first, two headers":       {[]string{`Negotiate`, `Basic realm="r"`}, "Basic"},
		"Basic first, two headers":           {[]string{`Basic realm="r"`, `Negotiate`}, "Basic"},
		"one header":                         {[]string{`Negotiate, NTLM, Basic realm="a, b", Digest qop="auth,auth-int"`}, "Basic"},
		"a token of Negotiate":               {[]string{`Negotiate YII/+a==, Basic realm="r"`}, "Basic"},
		"a token that looks like a scheme":   {[]string{`Negotiate Basic=, Bearer realm=https://t/x`}, `Bearer realm="https://t/x"`},
		"Basic, then Bearer":                 {[]string{`Basic realm="r", Bearer realm="https://t/x",service="s"`}, `Bearer realm="https://t/x",service="s"`},
		"the order of parameters":            {[]string{`bearer SERVICE = "s" , Scope="repository:a:pull" ,realm="https://t/x"`}, `Bearer realm="https://t/x",service="s",scope="repository:a:pull"`},
		"values without quotes":              {[]string{`Bearer realm=https://t/x?a=b,service=s`}, `Bearer realm="https://t/x?a=b",service="s"`},
		"an empty scope":                     {[]string{`Bearer realm="https://t/x",scope=""`}, `Bearer realm="https://t/x"`},
		"an empty scope without quotes":      {[]string{`Bearer realm="https://t/x",scope=,service="s"`}, `Bearer realm="https://t/x",service="s"`},
		"a scope for everything":             {[]string{`Bearer realm="https://t/x",scope="*"`}, `Bearer realm="https://t/x",scope="*"`},
		"several scopes and spaces":          {[]string{`Bearer realm="https://t/x",scope=" repository:a:pull  repository:b:pull "`}, `Bearer realm="https://t/x",scope="repository:a:pull repository:b:pull"`},
		"an error beside":                    {[]string{`Bearer realm="https://t/x",error="insufficient_scope"`}, `Bearer realm="https://t/x"`},
		"an escaped quote":                   {[]string{`Bearer realm="https://t/x",service="a\"b\\c"`}, `Bearer realm="https://t/x",service="a\"b\\c"`},
		"Bearer without token server":        {[]string{`Bearer service="s"`, `Basic realm="r"`}, "Basic"},
		"only Negotiate":                     {[]string{`Negotiate`}, ""},
		"no header":                          {nil, ""},
		"quotes that do not end":             {[]string{`Bearer realm="https://t/x`}, ""},
		"a parameter before every challenge": {[]string{`realm="x"`}, ""},
	} {
		login, ok := Login(http.Header{"Www-Authenticate": tt.headers})
		if got := login.String(); ok != (tt.want != "") || ok && got != tt.want {
			t.Errorf("%s: got %q, %v, want %q", name, got, ok, tt.want)
		}
	}
}

func FuzzChallenges(f *testing.F) {
	for _, text := range []string{`Negotiate YII==, Basic realm="a, b"`, `Bearer realm="https://t/x?a=b",scope="*"`, `a=b`, `Basic =`, `,,,`, `Bearer realm="\`, "Bearer realm=\"\x80\""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		login, ok := Login(http.Header{"Www-Authenticate": {text}})
		if !ok {
			return
		}
		again, ok := Login(http.Header{"Www-Authenticate": {login.String()}})
		if !ok || again.Params["realm"] != login.Params["realm"] && login.Scheme == "bearer" || strings.Count(again.String(), "Bearer ") > 1+strings.Count(text, "Bearer ") {
			t.Errorf("%q is written as %q", login, again)
		}
	})
}
