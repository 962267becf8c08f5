// Package rules judges machine configurations as the Talos version of a machine does. The rig can
// hold Talos' own rules of one version only, the newest; older versions are programs of their own.
package rules

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"

	"plinth.dev/lab/rig/internal/release"
	"plinth.dev/lab/rig/internal/spec"
)

// linked is the version whose rules are part of this program: that of the machinery in go.mod.
const linked = "v1.14.1"

// program is what the rules of a version are called among the tools.
const program = "talos"

const timeLimit = 20 * time.Second

// Rules finds the rules of a version.
type Rules struct{ tools *spec.Toolbox }

// New takes programs from the toolbox. Without any, all machines are judged by the rules of the
// linked version.
func New(tools *spec.Toolbox) *Rules { return &Rules{tools: tools} }

// Machine is what the rules ask of the machine that a configuration is for.
type Machine struct {
	Installed bool
	// State has the machine's disks.
	State state.State
	Disks []block.DiskSpec
}

// Known says why no machine can run this version here.
func (r *Rules) Known(version release.Release) error {
	_, err := r.find(version)

	return err
}

// Judge returns the warnings about a configuration, or why it is refused.
func (r *Rules) Judge(ctx context.Context, version release.Release, raw []byte, machine Machine) ([]string, error) {
	path, err := r.find(version)
	if err != nil {
		return nil, err
	}

	if path == "" {
		return judge(ctx, raw, machine)
	}

	return ask(ctx, path, map[string]any{"config": string(raw), "installed": machine.Installed, "disks": machine.Disks})
}

// Load says why a system of this version cannot read the configuration it finds on its disk.
func (r *Rules) Load(ctx context.Context, version release.Release, raw string) error {
	path, err := r.find(version)
	if err != nil || path == "" {
		// What is part of this program reads it in any case.
		return err
	}

	_, err = ask(ctx, path, map[string]any{"config": raw, "loadOnly": true})

	return err
}

// find returns the program for a version, empty for the rules that are part of this one. Patches
// of a minor differ little: the newest that is there stands for those that are not.
func (r *Rules) find(version release.Release) (string, error) {
	programs := r.tools.Versions(program)
	if programs == nil {
		return "", nil
	}

	if path, ok := programs[version.String()]; ok {
		return path, nil
	}

	own, err := release.Parse(linked)
	if err != nil {
		return "", err
	}

	if version.SameMinor(own) {
		return "", nil
	}

	var (
		best  release.Release
		path  string
		known = []string{linked}
	)

	for text, candidate := range programs {
		known = append(known, text)

		if other, err := release.Parse(text); err == nil && other.SameMinor(version) && (path == "" || other.Patch > best.Patch) {
			best, path = other, candidate
		}
	}

	if path == "" {
		slices.Sort(known)

		return "", fmt.Errorf("there is no Talos %s here, only minors of %s", version, strings.Join(known, ", "))
	}

	return path, nil
}

// metal is the mode configurations are validated for.
type metal struct{ installed bool }

func (metal) String() string          { return "metal" }
func (metal) InContainer() bool       { return false }
func (m metal) RequiresInstall() bool { return !m.installed }

func judge(ctx context.Context, raw []byte, machine Machine) ([]string, error) {
	provider, err := configloader.NewFromBytes(raw)
	if err != nil {
		return nil, err
	}

	mode := metal{installed: machine.Installed}

	warnings, err := provider.Validate(mode)
	if err != nil {
		return nil, err
	}

	more, err := provider.RuntimeValidate(ctx, machine.State, mode)

	return slices.Concat(warnings, more), err
}

// ask lets the program of a version judge.
func ask(ctx context.Context, path string, asked map[string]any) ([]string, error) {
	question, err := json.Marshal(asked)
	if err != nil {
		return nil, err
	}

	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()

	var answer, complaints bytes.Buffer

	command := exec.CommandContext(ctx, path)
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(question), &answer, &complaints

	if err = command.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", path, err, strings.TrimSpace(complaints.String()))
	}

	var verdict struct {
		Error    string   `json:"error"`
		Warnings []string `json:"warnings"`
	}

	if err = json.Unmarshal(answer.Bytes(), &verdict); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}

	if verdict.Error != "" {
		return nil, errors.New(verdict.Error)
	}

	return verdict.Warnings, nil
}
