// Package property turns the engine's wire structs into plain Go values and back, keeping the two
// things a struct cannot say by itself: that a value is secret, and that it is not known yet.
package property

import (
	"reflect"
	"sort"

	"google.golang.org/protobuf/types/known/structpb"
)

// The engine's wire markers.
const (
	signatureKey    = "4dabf18193072939515e22adb298388d"
	secretSignature = "1b47061264138c4ac30d75fd1eb44270"
	assetSignature  = "c44067f5952c0a294b673a41bacd8c17"
	archiveSig      = "0def7320c3a5731c473e5ecbe6d01bc7"
	unknownMarker   = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
)

// Map is an object: its values are nil, bool, float64, string, []any, Map, Secret, Unknown or Asset.
type Map = map[string]any

// Secret wraps a value the engine must encrypt in its state and mask on screen.
type Secret struct{ Value any }

// Unknown stands for a value that exists only once the operation has run.
type Unknown struct{}

// Asset is a file or archive handed over by a program; Archive tells which of the two.
type Asset struct {
	Archive bool
	Fields  Map
}

// FromStruct reads a wire struct; a nil struct is an empty object.
func FromStruct(s *structpb.Struct) Map {
	out := Map{}
	for key, value := range s.GetFields() {
		out[key] = fromValue(value)
	}
	return out
}

func fromValue(value *structpb.Value) any {
	switch kind := value.GetKind().(type) {
	case *structpb.Value_BoolValue:
		return kind.BoolValue
	case *structpb.Value_NumberValue:
		return kind.NumberValue
	case *structpb.Value_StringValue:
		if kind.StringValue == unknownMarker {
			return Unknown{}
		}
		return kind.StringValue
	case *structpb.Value_ListValue:
		out := make([]any, 0, len(kind.ListValue.GetValues()))
		for _, item := range kind.ListValue.GetValues() {
			out = append(out, fromValue(item))
		}
		return out
	case *structpb.Value_StructValue:
		fields := FromStruct(kind.StructValue)
		switch fields[signatureKey] {
		case secretSignature:
			return Secret{Value: fields["value"]}
		case assetSignature, archiveSig:
			archive := fields[signatureKey] == archiveSig
			delete(fields, signatureKey)
			return Asset{Archive: archive, Fields: fields}
		}
		return fields
	default:
		return nil
	}
}

// ToStruct writes a wire struct.
func ToStruct(m Map) *structpb.Struct {
	fields := make(map[string]*structpb.Value, len(m))
	for key, value := range m {
		fields[key] = toValue(value)
	}
	return &structpb.Struct{Fields: fields}
}

func toValue(value any) *structpb.Value {
	switch v := value.(type) {
	case nil:
		return structpb.NewNullValue()
	case bool:
		return structpb.NewBoolValue(v)
	case float64:
		return structpb.NewNumberValue(v)
	case int:
		return structpb.NewNumberValue(float64(v))
	case int64:
		return structpb.NewNumberValue(float64(v))
	case string:
		return structpb.NewStringValue(v)
	case Unknown:
		return structpb.NewStringValue(unknownMarker)
	case Secret:
		return structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{
			signatureKey: structpb.NewStringValue(secretSignature),
			"value":      toValue(v.Value),
		}})
	case Asset:
		signature := assetSignature
		if v.Archive {
			signature = archiveSig
		}
		out := ToStruct(v.Fields)
		out.Fields[signatureKey] = structpb.NewStringValue(signature)
		return structpb.NewStructValue(out)
	case Map:
		return structpb.NewStructValue(ToStruct(v))
	case []any:
		list := &structpb.ListValue{Values: make([]*structpb.Value, 0, len(v))}
		for _, item := range v {
			list.Values = append(list.Values, toValue(item))
		}
		return structpb.NewListValue(list)
	case []string:
		list := &structpb.ListValue{Values: make([]*structpb.Value, 0, len(v))}
		for _, item := range v {
			list.Values = append(list.Values, structpb.NewStringValue(item))
		}
		return structpb.NewListValue(list)
	default:
		// Only the types above are ever produced; another one is a mistake in this program.
		panic("property: cannot send a value of type " + reflect.TypeOf(value).String())
	}
}

// Plain removes every secret wrapper, at any depth.
func Plain(value any) any {
	switch v := value.(type) {
	case Secret:
		return Plain(v.Value)
	case Map:
		out := make(Map, len(v))
		for key, item := range v {
			out[key] = Plain(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = Plain(item)
		}
		return out
	default:
		return value
	}
}

// PlainMap is Plain for an object.
func PlainMap(m Map) Map {
	plain, _ := Plain(m).(Map)
	return plain
}

// HasUnknown tells whether a value, or anything below it, is not known yet.
func HasUnknown(value any) bool {
	return anywhere(value, func(v any) bool { _, unknown := v.(Unknown); return unknown })
}

// HasSecret tells whether a value, or anything below it, is secret.
func HasSecret(value any) bool {
	return anywhere(value, func(v any) bool { _, secret := v.(Secret); return secret })
}

func anywhere(value any, test func(any) bool) bool {
	if test(value) {
		return true
	}
	switch v := value.(type) {
	case Secret:
		return anywhere(v.Value, test)
	case Map:
		for _, item := range v {
			if anywhere(item, test) {
				return true
			}
		}
	case []any:
		for _, item := range v {
			if anywhere(item, test) {
				return true
			}
		}
	}
	return false
}

// Equal compares two values, secrecy aside. An absent object member equals a null one.
func Equal(a, b any) bool {
	return reflect.DeepEqual(dropNulls(Plain(a)), dropNulls(Plain(b)))
}

func dropNulls(value any) any {
	switch v := value.(type) {
	case Map:
		out := Map{}
		for key, item := range v {
			if item != nil {
				out[key] = dropNulls(item)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = dropNulls(item)
		}
		return out
	default:
		return value
	}
}

// Keys returns an object's member names in order.
func Keys(m Map) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// Copy is a shallow copy of an object.
func Copy(m Map) Map {
	out := make(Map, len(m))
	for key, value := range m {
		out[key] = value
	}
	return out
}

// String reads a text member; anything else is "".
func String(m Map, key string) string {
	text, _ := Plain(m[key]).(string)
	return text
}

// Bool reads a yes-or-no member; anything else is false.
func Bool(m Map, key string) bool {
	yes, _ := Plain(m[key]).(bool)
	return yes
}

// Number reads a number member; anything else is 0.
func Number(m Map, key string) float64 {
	number, _ := Plain(m[key]).(float64)
	return number
}

// Object reads an object member; anything else is an empty object.
func Object(m Map, key string) Map {
	object, ok := Plain(m[key]).(Map)
	if !ok {
		return Map{}
	}
	return object
}

// Strings reads a list of texts; other members of the list are left out.
func Strings(m Map, key string) []string {
	list, _ := Plain(m[key]).([]any)
	out := make([]string, 0, len(list))
	for _, item := range list {
		if text, ok := item.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// MapOf is a value as an object, secrets inside it kept; anything else is an empty object.
func MapOf(value any) Map {
	switch v := value.(type) {
	case Secret:
		return MapOf(v.Value)
	case Map:
		return v
	default:
		return Map{}
	}
}
