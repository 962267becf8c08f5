package property

import (
	"reflect"
	"testing"
)

func TestAValueSurvivesTheWire(t *testing.T) {
	value := Map{
		"null": nil, "yes": true, "number": 1.5, "text": "t", "list": []any{"a", Unknown{}, Secret{Value: Map{"k": "v"}}},
		"unknown": Unknown{}, "asset": Asset{Fields: Map{"text": "x"}}, "archive": Asset{Archive: true, Fields: Map{"path": "p"}},
	}
	if got := FromStruct(ToStruct(value)); !reflect.DeepEqual(got, value) {
		t.Errorf("came back as %#v", got)
	}
}

func TestSecrecyAndKnowledgeAreFoundAtAnyDepth(t *testing.T) {
	value := Map{"a": []any{Map{"b": Secret{Value: Map{"c": Unknown{}}}}}}
	if !HasSecret(value) || !HasUnknown(value) {
		t.Error("a nested secret or unknown value was missed")
	}
	if plain := Plain(value); HasSecret(plain) {
		t.Errorf("still secret: %v", plain)
	}
}

func TestChangesAreAsShortAsCanBe(t *testing.T) {
	olds := Map{"same": 1.0, "gone": Map{"a": 1.0}, "list": []any{"a", "b"}, "deep": Map{"a.b": "x"}}
	news := Map{"same": 1.0, "new": Map{"a": 1.0}, "list": []any{"a", "c", "d"}, "deep": Map{"a.b": "y"}}
	var paths []string
	for _, change := range Changes(olds, news) {
		paths = append(paths, change.Path+" "+change.Kind.String())
	}
	wanted := []string{`deep["a.b"] UPDATE`, "gone DELETE", "list[1] UPDATE", "list[2] ADD", "new ADD"}
	if !reflect.DeepEqual(paths, wanted) {
		t.Errorf("got %q", paths)
	}
}
