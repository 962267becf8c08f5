package spec

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Programs are the tools every rig needs. A tool "talos" by version may be there beside them: the
// rules by which machines of that Talos version judge a configuration.
var Programs = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"}

// Tools maps a program's name to its binaries.
type Tools map[string]Binaries

// Binaries maps versions (v1.36.3) to paths. A plain path in the file is kept under the empty
// version: it serves whatever version is asked for, since there is nothing to choose from.
type Binaries map[string]string

// UnmarshalJSON accepts a path or an object of version to path.
func (b *Binaries) UnmarshalJSON(raw []byte) error {
	var path string
	if json.Unmarshal(raw, &path) == nil {
		*b = Binaries{"": path}

		return nil
	}

	var versions map[string]string
	if err := json.Unmarshal(raw, &versions); err != nil {
		return fmt.Errorf("a tool is a path or an object of version to path: %w", err)
	}

	*b = versions

	return nil
}

// MarshalJSON writes the form that was read.
func (b Binaries) MarshalJSON() ([]byte, error) {
	if path, ok := b[""]; ok && len(b) == 1 {
		return json.Marshal(path)
	}

	return json.Marshal(map[string]string(b))
}

var reportedVersion = regexp.MustCompile(`v[1-9]\d*\.\d+\.\d+(-[0-9A-Za-z.-]+)?`)

// Identify asks the Kubernetes programs given as a plain path for their version, so that an image
// of another version is found missing instead of being played by the wrong program.
func (t Tools) Identify(ctx context.Context) error {
	for program, binaries := range t {
		path, plain := binaries[""]
		if !plain || !strings.HasPrefix(program, "kube-") {
			continue
		}

		out, err := exec.CommandContext(ctx, path, "--version").Output()
		if err != nil {
			return fmt.Errorf("tools.%s: cannot run %s: %w", program, path, err)
		}

		if version := reportedVersion.FindString(string(out)); version != "" {
			t[program] = Binaries{version: path}
		}
	}

	return nil
}

// Toolbox is the tools and materials of a running rig; new ones can be put into it.
type Toolbox struct {
	mu        sync.RWMutex
	tools     Tools
	materials map[string]string
}

// NewToolbox holds the tools of a rig file.
func NewToolbox(tools Tools) *Toolbox { return &Toolbox{tools: tools} }

// Replace changes what is in the toolbox.
func (t *Toolbox) Replace(tools Tools) {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.tools = tools
}

// Supply changes the materials.
func (t *Toolbox) Supply(materials map[string]string) {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.materials = materials
}

// Material is the path of what a program needs of its software; empty when there is nothing.
func (t *Toolbox) Material(program string) string {
	t.mu.RLock()
	defer t.mu.RUnlock()

	return t.materials[program]
}

// Has says whether there is any version of the program.
func (t *Toolbox) Has(program string) bool { return t.Versions(program) != nil }

// Versions are the binaries of a program by version, nil when there is no such program.
func (t *Toolbox) Versions(program string) Binaries {
	t.mu.RLock()
	defer t.mu.RUnlock()

	return t.tools[program]
}

// Find returns the binary of the program for a version such as v1.36.3.
func (t *Toolbox) Find(program, version string) (string, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()

	return t.tools.Find(program, version)
}

// Find returns the binary of the program for a version such as v1.36.3.
func (t Tools) Find(program, version string) (string, error) {
	binaries := t[program]

	if path, ok := binaries[version]; ok {
		return path, nil
	}

	if path, ok := binaries[""]; ok {
		return path, nil
	}

	known := make([]string, 0, len(binaries))
	for v := range binaries {
		known = append(known, v)
	}

	slices.Sort(known)

	return "", fmt.Errorf("image not found: there is no %s %s here, only %s", program, version, strings.Join(known, ", "))
}
