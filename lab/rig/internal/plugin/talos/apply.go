package talos

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"

	"plinth.dev/lab/rig/internal/plugin/bridged"
	"plinth.dev/lab/rig/internal/plugin/property"
)

const stagedIfNeedingReboot = "staged_if_needing_reboot"

var applyModes = map[string]machine.ApplyConfigurationRequest_Mode{
	"auto":      machine.ApplyConfigurationRequest_AUTO,
	"reboot":    machine.ApplyConfigurationRequest_REBOOT,
	"no_reboot": machine.ApplyConfigurationRequest_NO_REBOOT,
	"staged":    machine.ApplyConfigurationRequest_STAGED,
}

func applyResource() *bridged.Resource {
	yes := func() *bridged.Property { return &bridged.Property{Kind: bridged.Bool} }
	return &bridged.Resource{
		Version: "1",
		Properties: bridged.Schema{
			"node":                        {Required: true},
			"endpoint":                    {Computed: true},
			"clientConfiguration":         {Kind: bridged.Object, Fields: clientConfiguration()},
			"clientConfigurationWo":       {Kind: bridged.Object, Refused: true},
			"machineConfigurationInput":   {Secret: true},
			"machineConfigurationInputWo": {Refused: true},
			"configPatches":               {Kind: bridged.List},
			"applyMode": {Default: "auto", OneOf: []string{
				"auto", "reboot", "no_reboot", "staged", stagedIfNeedingReboot}},
			"onDestroy": {Kind: bridged.Object, Fields: bridged.Schema{
				"graceful": yes(), "reboot": yes(), "reset": yes()}},
			"timeouts":                 timeouts("create", "update", "delete"),
			"machineConfiguration":     {Output: true, Secret: true},
			"machineConfigurationHash": {Output: true},
			"resolvedApplyMode":        {Output: true},
		},
		Validate: requireAll("clientConfiguration", "machineConfigurationInput"),
		Plan:     planApply,
		Create: func(ctx context.Context, planned property.Map) (string, error) {
			return "machine_configuration_apply", apply(ctx, planned, "create")
		},
		Update: func(ctx context.Context, _, planned property.Map) error {
			return apply(ctx, planned, "update")
		},
		Delete: resetOnDestroy,
	}
}

// requireAll refuses a resource without inputs that are optional only beside their write-only twins.
func requireAll(keys ...string) func(string, property.Map) ([]bridged.Failure, error) {
	return func(_ string, inputs property.Map) ([]bridged.Failure, error) {
		var failures []bridged.Failure
		for _, key := range keys {
			if inputs[key] == nil {
				failures = append(failures, bridged.Failure{Property: key, Reason: fmt.Sprintf("Missing required property '%s'", key)})
			}
		}
		return failures, nil
	}
}

// planApply works out the configuration before any machine is asked: a bad patch fails here.
func planApply(olds, planned property.Map) error {
	if _, unknown := planned["endpoint"].(property.Unknown); unknown || planned["endpoint"] == nil {
		planned["endpoint"] = planned["node"]
	}
	mode := property.String(planned, "applyMode")
	if property.HasUnknown(planned["machineConfigurationInput"]) || property.HasUnknown(planned["configPatches"]) {
		for _, key := range []string{"machineConfiguration", "machineConfigurationHash", "resolvedApplyMode"} {
			planned[key] = property.Unknown{}
		}
		return nil
	}
	text, err := configurationOf(olds, planned)
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(text))
	planned["machineConfiguration"] = text
	planned["machineConfigurationHash"] = hex.EncodeToString(digest[:])
	if mode != stagedIfNeedingReboot {
		planned["resolvedApplyMode"] = mode
		return nil
	}
	same := olds != nil && property.Equal(olds["machineConfiguration"], text) && property.Equal(olds["applyMode"], mode)
	if same || property.HasUnknown(planned["clientConfiguration"]) {
		return nil
	}
	// Whether a reboot is needed is the machine's to say, so even a preview asks it.
	resolved, err := resolveMode(context.Background(), planned)
	if err != nil {
		planned["resolvedApplyMode"] = property.Unknown{}
		return nil
	}
	planned["resolvedApplyMode"] = resolved
	return nil
}

// configurationOf patches the configuration, unless it was made from the same parts before: with many
// machines, most of a preview would be spent on it.
func configurationOf(olds, planned property.Map) (string, error) {
	made := property.String(olds, "machineConfiguration")
	if made != "" && property.Equal(olds["machineConfigurationInput"], planned["machineConfigurationInput"]) &&
		property.Equal(olds["configPatches"], planned["configPatches"]) {
		return made, nil
	}
	text, err := patchText(property.String(planned, "machineConfigurationInput"), property.Strings(planned, "configPatches"))
	if err != nil {
		return "", fmt.Errorf("1 error occurred:\n\t* : %w\n\n", err) //nolint:staticcheck // the official words
	}
	return text, nil
}

func apply(ctx context.Context, planned property.Map, operation string) error {
	t := targetOf(planned)
	if planned["resolvedApplyMode"] == (property.Unknown{}) {
		resolved, err := resolveMode(ctx, planned)
		if err != nil {
			return err
		}
		planned["resolvedApplyMode"] = resolved
	}
	request := &machine.ApplyConfigurationRequest{
		Data: []byte(property.String(planned, "machineConfiguration")),
		Mode: applyModes[property.String(planned, "resolvedApplyMode")],
	}
	timeout, err := timeoutOf(planned, operation)
	if err != nil {
		return err
	}
	err = t.retry(ctx, timeout, func(ctx context.Context, c connection) error {
		_, err := c.ApplyConfiguration(ctx, request)
		return err
	})
	if err != nil {
		return fmt.Errorf("Error applying configuration: %w", err) //nolint:staticcheck // the official words
	}
	return nil
}

// resolveMode asks the machine, without changing it, whether the configuration needs a reboot.
func resolveMode(ctx context.Context, planned property.Map) (string, error) {
	request := &machine.ApplyConfigurationRequest{
		Data:   []byte(property.String(planned, "machineConfiguration")),
		Mode:   machine.ApplyConfigurationRequest_AUTO,
		DryRun: true,
	}
	resolved := "auto"
	err := targetOf(planned).retry(ctx, dryRunTimeout, func(ctx context.Context, c connection) error {
		answer, err := c.ApplyConfiguration(ctx, request)
		if err != nil {
			return err
		}
		for _, message := range answer.GetMessages() {
			if message.GetMode() == machine.ApplyConfigurationRequest_REBOOT {
				resolved = "staged"
			}
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("Error applying configuration: %w", err) //nolint:staticcheck // the official words
	}
	return resolved, nil
}
