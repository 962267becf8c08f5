package replay

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"sort"
	"strings"
)

// Bindings remember what a value of the recording is called in this run: a generated key, an id, a
// time. A later request that carries the recorded value is sent with this run's.
type Bindings struct {
	values map[string]string
	order  []string // longest first, so that a text containing another is replaced whole
}

// NewBindings knows nothing yet.
func NewBindings() *Bindings { return &Bindings{values: map[string]string{}} }

// shortest is the length below which a value is replaced only when it stands alone: a short number
// occurs in many texts by chance.
const shortest = 8

// bind remembers the first value seen: what was sent with it once must stay the same.
func (b *Bindings) bind(recorded, actual string) {
	if _, known := b.values[recorded]; known || recorded == actual || recorded == "" {
		return
	}
	b.values[recorded] = actual
	b.order = append(b.order, recorded)
	sort.Slice(b.order, func(i, j int) bool { return len(b.order[i]) > len(b.order[j]) })
}

func (b *Bindings) apply(value any) any {
	switch v := value.(type) {
	case string:
		if exact, known := b.values[v]; known {
			return exact
		}
		for _, recorded := range b.order {
			if len(recorded) >= shortest && strings.Contains(v, recorded) {
				v = strings.ReplaceAll(v, recorded, b.values[recorded])
			}
		}
		return v
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = b.apply(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = b.apply(item)
		}
		return out
	default:
		return value
	}
}

// Normalisation is a place where an answer may differ from the recorded one, and why.
type Normalisation struct {
	Path   *regexp.Regexp // of the value inside the answer; nil: anywhere
	Value  *regexp.Regexp // of the recorded text; nil: any value
	Ignore bool           // do not even remember the value for later requests
	Reason string
}

func (n Normalisation) allows(path string, recorded any) bool {
	if n.Path != nil && !n.Path.MatchString(path) {
		return false
	}
	if n.Value == nil {
		return true
	}
	text, ok := recorded.(string)
	return ok && n.Value.MatchString(text)
}

type comparison struct {
	bindings       *Bindings
	normalisations []Normalisation
	differences    []string
}

// unordered are lists whose order means nothing.
var unordered = map[string]bool{"diffs": true, "replaces": true, "failures": true}

func (c *comparison) compare(path string, recorded, actual any) {
	if reflect.DeepEqual(c.bindings.apply(recorded), actual) {
		return
	}
	for _, n := range c.normalisations {
		if n.allows(path, recorded) {
			from, fromText := recorded.(string)
			to, toText := actual.(string)
			if n.Ignore || fromText && toText {
				if !n.Ignore {
					c.bindings.bind(from, to)
				}
				return
			}
		}
	}
	switch r := recorded.(type) {
	case map[string]any:
		if a, ok := actual.(map[string]any); ok {
			c.compareMaps(path, r, a)
			return
		}
	case []any:
		if a, ok := actual.([]any); ok && len(a) == len(r) {
			if unordered[path] {
				r, a = sorted(r), sorted(a)
			}
			for i := range r {
				c.compare(fmt.Sprintf("%s[%d]", path, i), r[i], a[i])
			}
			return
		}
	}
	c.differences = append(c.differences, fmt.Sprintf("%s: official %s, stand-in %s", path, short(c.bindings.apply(recorded)), short(actual)))
}

func (c *comparison) compareMaps(path string, recorded, actual map[string]any) {
	keys := map[string]bool{}
	for key := range recorded {
		keys[key] = true
	}
	for key := range actual {
		keys[key] = true
	}
	all := make([]string, 0, len(keys))
	for key := range keys {
		all = append(all, key)
	}
	sort.Strings(all)
	for _, key := range all {
		full := key
		if path != "" {
			full = path + "." + key
		}
		c.compare(full, recorded[key], actual[key])
	}
}

func sorted(list []any) []any {
	out := append([]any{}, list...)
	sort.Slice(out, func(i, j int) bool { return fmt.Sprint(out[i]) < fmt.Sprint(out[j]) })
	return out
}

func short(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	if len(text) > 300 {
		return string(text[:300]) + "…"
	}
	return string(text)
}
