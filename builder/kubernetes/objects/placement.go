package objects

import "fmt"

// Taint keeps pods off a machine that do not tolerate it.
type Taint struct{ Key, Value, Effect string }

func (t Taint) String() string {
	if t.Value == "" {
		return fmt.Sprintf("%s:%s", t.Key, t.Effect)
	}
	return fmt.Sprintf("%s=%s:%s", t.Key, t.Value, t.Effect)
}

// Tolerates reports whether the pods may run on a machine with a taint.
func (o Options) Tolerates(t Taint) bool {
	if t.Effect == "PreferNoSchedule" {
		return true
	}
	for _, one := range o.tolerations {
		rule, _ := one.(object)
		text := func(key string) string { s, _ := rule[key].(string); return s }
		effect, key := text("effect"), text("key")
		anyKey := key == "" && text("operator") == "Exists"
		sameValue := text("operator") == "Exists" || text("value") == t.Value
		if (effect == "" || effect == t.Effect) && (anyKey || key == t.Key && sameValue) {
			return true
		}
	}
	return false
}

// Selects reports whether the node selector permits a machine with these labels.
func (o Options) Selects(labels map[string]string) bool {
	for key, value := range o.nodeSelector {
		if labels[key] != value {
			return false
		}
	}
	return true
}
