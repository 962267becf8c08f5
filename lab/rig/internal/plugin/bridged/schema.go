// Package bridged gives a plugin the manners of one that is bridged from a Terraform provider: the
// same checks, diffs, hidden outputs and secrets, all derived from a table of properties.
package bridged

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"plinth.dev/lab/rig/internal/plugin/property"
)

// Kind is the shape of a property's value.
type Kind int

// The shapes. Single is an object that is a one-element list upstream.
const (
	String Kind = iota
	Number
	Bool
	List
	Map
	Object
	Single
)

// Property describes one input or output.
type Property struct {
	Kind   Kind
	Fields Schema    // of an Object or a Single
	Item   *Property // of a List or a Map; nil means texts in a List, anything in a Map

	Required bool // the program must give it
	Output   bool // only the plugin gives it
	Secret   bool
	Computed bool // the plugin gives it when the program does not
	Replaces bool // a change needs a new resource
	Refused  bool // the official plugin takes it, the stand-in does not

	Default  any      // what outputs say when the program says nothing
	OneOf    []string // the texts allowed
	Min      *float64 // the least number allowed
	Upstream string   // the name in messages and in the hidden delta, when it is not the snake case
}

// Schema is a table of properties by name.
type Schema map[string]*Property

// Failure is one thing wrong with a program's inputs.
type Failure struct{ Property, Reason string }

// Resource is one resource type.
type Resource struct {
	Properties Schema
	// Version is the schema version in the hidden __meta output; "" leaves __meta out.
	Version string
	// RenewsOnReplace makes a replacing change list every computed output as changed.
	RenewsOnReplace bool

	// Validate finds what the table cannot express. An error fails the call itself.
	Validate func(name string, inputs property.Map) ([]Failure, error)
	// Plan adjusts what outputs are expected before anything is done. olds is nil for a new resource.
	Plan func(olds, planned property.Map) error
	// Create makes the resource from its planned outputs and fills in the unknown ones.
	Create func(ctx context.Context, planned property.Map) (id string, err error)
	// Update changes the resource likewise; nil means a change needs no action.
	Update func(ctx context.Context, olds, planned property.Map) error
	// Delete removes it; nil means there is nothing to remove but the state.
	Delete func(ctx context.Context, state property.Map) error
}

// Function is one invoke: it gets checked arguments and fills in the results.
type Function struct {
	Arguments Schema
	Run       func(ctx context.Context, arguments property.Map) ([]Failure, error)
}

// AtLeast is a lower bound for Property.Min.
func AtLeast(n float64) *float64 { return &n }

// check lists what is wrong with a value under this table. path is "" at the top.
func (s Schema) check(resource, path string, value property.Map) []Failure {
	var failures []Failure
	for _, key := range property.Keys(value) {
		p, known := s[key]
		full := join(path, key)
		switch {
		case !known || p.Output || p.Refused:
			failures = append(failures, Failure{full, fmt.Sprintf("the stand-in knows no input %q here", full)})
		default:
			failures = append(failures, p.check(resource, full, value[key])...)
		}
	}
	for _, key := range s.names() {
		if s[key].Required && value[key] == nil {
			full := join(path, key)
			failures = append(failures, Failure{full, fmt.Sprintf("Missing required property '%s'", full)})
		}
	}
	return failures
}

func (p *Property) check(resource, path string, value any) []Failure {
	switch v := property.Plain(value).(type) {
	case nil, property.Unknown:
		return nil
	case string:
		if p.Kind != String {
			return p.mismatch(path, "a text")
		}
		if len(p.OneOf) > 0 && !contains(p.OneOf, v) {
			return []Failure{{"", fmt.Sprintf(
				"Invalid Attribute Value Match. Attribute %s value must be one of: %q, got: %q. Examine values at '%s.%s'.",
				p.upstream(path), p.OneOf, v, resource, path)}}
		}
	case float64:
		if p.Kind != Number {
			return p.mismatch(path, "a number")
		}
		if p.Min != nil && v < *p.Min {
			return []Failure{{"", fmt.Sprintf(
				"Invalid Attribute Value. Attribute %s value must be at least %v, got: %v. Examine values at '%s.%s'.",
				p.upstream(path), *p.Min, v, resource, path)}}
		}
	case bool:
		if p.Kind != Bool {
			return p.mismatch(path, "true or false")
		}
	case []any:
		return p.checkList(resource, path, v)
	case property.Map:
		switch p.Kind {
		case Object, Single:
			return p.Fields.check(resource, path, v)
		case Map:
			return p.checkMap(resource, path, v)
		default:
			return p.mismatch(path, "an object")
		}
	default:
		return p.mismatch(path, "a file or archive")
	}
	return nil
}

func (p *Property) checkMap(resource, path string, value property.Map) []Failure {
	var failures []Failure
	for _, key := range property.Keys(value) {
		if p.Item != nil {
			failures = append(failures, p.Item.check(resource, join(path, key), value[key])...)
		}
	}
	return failures
}

func (p *Property) checkList(resource, path string, list []any) []Failure {
	if p.Kind != List {
		return p.mismatch(path, "a list")
	}
	var failures []Failure
	for i, item := range list {
		if p.Item != nil {
			failures = append(failures, p.Item.check(resource, fmt.Sprintf("%s[%d]", path, i), item)...)
			continue
		}
		switch item.(type) {
		case string, property.Unknown:
		default:
			failures = append(failures, Failure{path, fmt.Sprintf("%s[%d] must be a text", path, i)})
		}
	}
	return failures
}

func (p *Property) mismatch(path, got string) []Failure {
	wanted := map[Kind]string{
		String: "a text", Number: "a number", Bool: "true or false", List: "a list", Map: "an object",
		Object: "an object", Single: "an object",
	}[p.Kind]
	return []Failure{{path, fmt.Sprintf("%s must be %s, but is %s", path, wanted, got)}}
}

// wrap marks what the table calls secret. keepUnknown leaves unknown values bare, as outputs have them.
func (s Schema) wrap(value property.Map, keepUnknown bool) property.Map {
	out := property.Map{}
	for key, item := range value {
		out[key] = s[key].wrap(item, keepUnknown)
	}
	return out
}

func (p *Property) wrap(value any, keepUnknown bool) any {
	_, unknown := value.(property.Unknown)
	if p == nil || value == nil || unknown && keepUnknown {
		return value
	}
	if object, ok := value.(property.Map); ok && p.Fields != nil {
		value = p.Fields.wrap(object, keepUnknown)
	}
	if p.Secret {
		return property.Secret{Value: value}
	}
	return value
}

// delta is the hidden output that lets a bridged plugin rebuild the upstream state.
func (s Schema) delta(value property.Map) property.Map {
	parts := property.Map{}
	renamed := property.Map{}
	for key, p := range s {
		if part := p.delta(value[key]); part != nil {
			parts[key] = part
		}
		if p.Upstream != "" && p.Upstream != snake(key) {
			renamed[key] = p.Upstream
		}
	}
	object := property.Map{}
	if len(parts) > 0 {
		object["ps"] = parts
	}
	if len(renamed) > 0 {
		object["renamed"] = renamed
	}
	return property.Map{"obj": object}
}

func (p *Property) delta(value any) any {
	switch {
	case value == nil && p.Kind == Single:
		return replacement([]any{})
	case value == nil:
		return replacement(nil)
	case p.Kind == Single:
		return property.Map{"plu": property.Map{"i": p.Fields.delta(asMap(value))}}
	case p.Kind == List:
		return property.Map{"arr": property.Map{}}
	case p.Kind == Map:
		return property.Map{"map": property.Map{}}
	case p.Kind == Object:
		return p.Fields.delta(asMap(value))
	default:
		return nil
	}
}

func replacement(raw any) any {
	return property.Secret{Value: property.Map{"replace": property.Map{"raw": raw}}}
}

func asMap(value any) property.Map {
	m, _ := value.(property.Map)
	return m
}

func (s Schema) names() []string {
	keys := make(property.Map, len(s))
	for key := range s {
		keys[key] = true
	}
	return property.Keys(keys)
}

func (p *Property) upstream(path string) string {
	if p.Upstream != "" {
		return p.Upstream
	}
	return snake(path[strings.LastIndex(path, ".")+1:])
}

func snake(name string) string {
	var out strings.Builder
	for _, r := range name {
		if unicode.IsUpper(r) {
			out.WriteByte('_')
		}
		out.WriteRune(unicode.ToLower(r))
	}
	return out.String()
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func contains(list []string, text string) bool {
	for _, item := range list {
		if item == text {
			return true
		}
	}
	return false
}
