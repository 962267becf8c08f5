package recorded

import (
	"embed"
	"encoding/json"
	"fmt"

	"plinth.dev/lab/rig/internal/plugin/bridged"
)

//go:embed facts/*.json
var files embed.FS

// Names of the plugins there are facts about.
var Names = []string{"hcloud", "proxmoxve", "vultr"}

// facts is what a vendor's SDK can say, in one version of it.
type facts struct {
	Plugin    string                   `json:"plugin"`
	Version   string                   `json:"version"`
	Options   []string                 `json:"options"`
	Resources map[string]resourceFacts `json:"resources"`
}

type resourceFacts struct {
	Inputs   map[string]shape `json:"inputs"`
	Required []string         `json:"required"`
	Computed []string         `json:"computed"` // inputs that have a value as well when nobody gives one
	Outputs  []string         `json:"outputs"`  // what only the plugin says
	Replaces []string         `json:"replaces"`
	// Made are outputs that a made resource has here, where something reads them.
	Made map[string]any `json:"made"`
}

// shape is the type of a value: a word, or an object with one of the members.
type shape struct {
	Word     string
	List     *shape
	Map      *shape
	Fields   map[string]shape
	Required []string
}

// UnmarshalJSON reads either form.
func (s *shape) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &s.Word); err == nil {
		return nil
	}
	var form struct {
		List     *shape           `json:"list"`
		Map      *shape           `json:"map"`
		Fields   map[string]shape `json:"fields"`
		Required []string         `json:"required"`
	}
	if err := json.Unmarshal(data, &form); err != nil {
		return err
	}
	*s = shape{List: form.List, Map: form.Map, Fields: form.Fields, Required: form.Required}
	return nil
}

func read(name string) (*facts, error) {
	data, err := files.ReadFile("facts/" + name + ".json")
	if err != nil {
		return nil, err
	}
	var known facts
	if err := json.Unmarshal(data, &known); err != nil {
		return nil, fmt.Errorf("facts about %s: %w", name, err)
	}
	return &known, nil
}

// schema is a table of inputs as a bridged plugin checks them.
func schema(inputs map[string]shape, required []string) bridged.Schema {
	table := bridged.Schema{}
	for key, each := range inputs {
		table[key] = property(each)
	}
	for _, key := range required {
		table[key].Required = true
	}
	return table
}

func property(s shape) *bridged.Property {
	switch {
	case s.List != nil:
		return &bridged.Property{Kind: bridged.List, Item: property(*s.List)}
	case s.Map != nil:
		return &bridged.Property{Kind: bridged.Map, Item: property(*s.Map)}
	case s.Fields != nil:
		return &bridged.Property{Kind: bridged.Object, Fields: schema(s.Fields, s.Required)}
	case s.Word == "number":
		return &bridged.Property{Kind: bridged.Number}
	case s.Word == "boolean":
		return &bridged.Property{Kind: bridged.Bool}
	default:
		return &bridged.Property{Kind: bridged.String}
	}
}
