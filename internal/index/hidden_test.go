package index

import "testing"

func TestAStatementLosesTheSessionOfItsContext(t *testing.T) {
	for name, tt := range map[string][2]string{
		"nothing else": {
			`{"request":{"frontend":"dockerfile.v0","args":{"local-sessionid:context":"v7b","local-sessionid:dockerfile":"v7b"},"locals":[]}}`,
			`{"request":{"frontend":"dockerfile.v0","locals":[]}}`,
		},
		"at the end of an object":  {`{"request":{"args":{"local-sessionid:context":"v7b"}}}`, `{"request":{}}`},
		"after another argument":   {`{"args":{"build-arg:A":"b","local-sessionid:context":"v7b"}}`, `{"args":{"build-arg:A":"b"}}`},
		"before another argument":  {`{"args":{"local-sessionid:context":"v7b","target":"x"}}`, `{"args":{"target":"x"}}`},
		"between two arguments":    {`{"args":{"label:a":"1","local-sessionid:context":"v7b","target":"x"}}`, `{"args":{"label:a":"1","target":"x"}}`},
		"the text of an argument":  {`{"args":{"build-arg:A":"\"local-sessionid:a\":\"b\","}}`, `{"args":{"build-arg:A":"\"local-sessionid:a\":\"b\","}}`},
		"a statement without them": {`{"args":{}}`, `{"args":{}}`},
		"all at the end":           {`{"request":{"a":1,"args":{"local-sessionid:context":"v7b"}}}`, `{"request":{"a":1}}`},
		"no JSON":                  {`{"local-sessionid:context":"v7b"`, `{"local-sessionid:context":"v7b"`},
	} {
		if got := withoutSessions(tt[0]); got != tt[1] {
			t.Errorf("%s: got %s, want %s", name, got, tt[1])
		}
	}
}
