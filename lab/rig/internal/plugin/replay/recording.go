// Package replay feeds the recorded calls of official plugins to the stand-ins and compares answers.
package replay

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Entry is one recorded call.
type Entry struct {
	File     string          `json:"-"`
	Index    int             `json:"-"`
	Step     string          `json:"step"`
	Note     string          `json:"note"`
	Provider string          `json:"provider"`
	Method   string          `json:"method"`
	Request  map[string]any  `json:"request"`
	Response map[string]any  `json:"response"`
	Errors   []string        `json:"errors"`
	Error    *RecordedStatus `json:"error"`
}

// RecordedStatus is an error with its details, from the recordings made without the engine.
type RecordedStatus struct {
	Message string `json:"message"`
	Details []struct {
		Value map[string]any `json:"value"`
	} `json:"details"`
}

// Name is how a report refers to an entry.
func (e *Entry) Name() string { return fmt.Sprintf("%s#%d", e.File, e.Index) }

// Call is the method without its service.
func (e *Entry) Call() string { return e.Method[strings.LastIndex(e.Method, "/")+1:] }

// Type is the resource type or function token a call is about.
func (e *Entry) Type() string {
	for _, key := range []string{"type", "tok"} {
		if text, ok := e.Request[key].(string); ok {
			return text
		}
	}
	return ""
}

// wantedError is the recorded failure, "" for a call that succeeded.
func (e *Entry) wantedError() string {
	if e.Error != nil {
		return e.Error.Message
	}
	if len(e.Errors) == 0 {
		return ""
	}
	_, message, _ := strings.Cut(e.Errors[0], " desc = ")
	return message
}

// Load reads a recording and puts every {"$ref": id} back to the value it stands for. Texts pass
// through rewrite, which moves the recorded addresses to the test's own.
func Load(path string, rewrite func(string) string) ([]*Entry, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader := bufio.NewReader(file)
	refs := map[string]any{}
	var entries []*Entry
	for {
		line, err := reader.ReadString('\n')
		if strings.TrimSpace(line) != "" {
			var raw map[string]any
			if err := json.Unmarshal([]byte(rewrite(line)), &raw); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			if known, ok := raw["refs"].(map[string]any); ok {
				refs = known
			} else {
				entry, err := entryOf(expand(raw, refs))
				if err != nil {
					return nil, fmt.Errorf("%s: %w", path, err)
				}
				entry.File = filepath.Base(filepath.Dir(path)) + "/" + strings.TrimSuffix(filepath.Base(path), ".jsonl")
				entry.Index = len(entries)
				entries = append(entries, entry)
			}
		}
		if err != nil {
			return entries, nil
		}
	}
}

func entryOf(raw any) (*Entry, error) {
	text, err := json.Marshal(raw)
	if err != nil {
		return nil, err
	}
	entry := &Entry{}
	return entry, json.Unmarshal(text, entry)
}

func expand(value any, refs map[string]any) any {
	switch v := value.(type) {
	case map[string]any:
		if id, ok := v["$ref"].(string); ok && len(v) == 1 {
			return expand(refs[id], refs)
		}
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = expand(item, refs)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = expand(item, refs)
		}
		return out
	default:
		return value
	}
}
