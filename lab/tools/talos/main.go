// Command talos says what one version of Talos thinks of a machine configuration. Only one version
// of Talos' own rules can be part of a program, so there is one such program for each version that
// simulated machines run; the module files of this folder name the versions.
//
// It reads a JSON object with the configuration and the machine it is for, and writes one with the
// verdict.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"slices"

	"github.com/cosi-project/runtime/pkg/state"
	"github.com/cosi-project/runtime/pkg/state/impl/inmem"
	"github.com/cosi-project/runtime/pkg/state/impl/namespaced"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
)

type question struct {
	// Config is the text of the machine configuration.
	Config string `json:"config"`
	// Installed says whether the machine has a system on its disk.
	Installed bool `json:"installed"`
	// Disks are the machine's block devices, as its resources describe them.
	Disks []block.DiskSpec `json:"disks"`
	// LoadOnly asks only whether the version can read the configuration, as it does when it boots.
	LoadOnly bool `json:"loadOnly"`
}

type verdict struct {
	// Error is why the configuration is refused; empty when it is not.
	Error    string   `json:"error"`
	Warnings []string `json:"warnings"`
}

// metal is the mode configurations are validated for.
type metal struct{ installed bool }

func (metal) String() string          { return "metal" }
func (metal) InContainer() bool       { return false }
func (m metal) RequiresInstall() bool { return !m.installed }

func main() {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		fmt.Fprintln(os.Stderr, "talos: expected a question in JSON on standard input:", err)
		os.Exit(2)
	}

	answer := verdict{}

	warnings, err := judge(context.Background(), asked)
	if err != nil {
		answer.Error = err.Error()
	} else {
		answer.Warnings = warnings
	}

	if err = json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		fmt.Fprintln(os.Stderr, "talos:", err)
		os.Exit(1)
	}
}

func judge(ctx context.Context, asked question) ([]string, error) {
	provider, err := configloader.NewFromBytes([]byte(asked.Config))
	if err != nil {
		return nil, err
	}

	if asked.LoadOnly {
		return nil, nil
	}

	rules := metal{installed: asked.Installed}

	warnings, err := provider.Validate(rules)
	if err != nil {
		return nil, err
	}

	st := state.WrapCore(namespaced.NewState(inmem.Build))

	for _, spec := range asked.Disks {
		disk := block.NewDisk(block.NamespaceName, path.Base(spec.DevPath))
		*disk.TypedSpec() = spec

		if err = st.Create(ctx, disk); err != nil {
			return nil, err
		}
	}

	more, err := provider.RuntimeValidate(ctx, st, rules)

	return slices.Concat(warnings, more), err
}
