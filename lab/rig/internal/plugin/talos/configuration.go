package talos

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/siderolabs/talos/pkg/machinery/client/config"
	machineconfig "github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"go.yaml.in/yaml/v4"

	"plinth.dev/lab/rig/internal/plugin/bridged"
	"plinth.dev/lab/rig/internal/plugin/property"
)

var machineTypes = []string{"controlplane", "worker"}

func machineConfigurationFunction() *bridged.Function {
	return &bridged.Function{
		Arguments: bridged.Schema{
			"clusterName":       {Required: true},
			"clusterEndpoint":   {Required: true},
			"machineType":       {Required: true},
			"machineSecrets":    {Kind: bridged.Object, Required: true, Fields: machineSecrets()},
			"configPatches":     {Kind: bridged.List},
			"docs":              {Kind: bridged.Bool},
			"examples":          {Kind: bridged.Bool},
			"kubernetesVersion": {},
			"talosVersion":      {},
		},
		Run: generateMachineConfiguration,
	}
}

func generateMachineConfiguration(_ context.Context, args property.Map) ([]bridged.Failure, error) {
	kind := property.String(args, "machineType")
	if kind != machineTypes[0] && kind != machineTypes[1] {
		return []bridged.Failure{{Property: "machineType", Reason: fmt.Sprintf(
			"Invalid Attribute Value Match: Attribute machine_type value must be one of: %q, got: %q", machineTypes, kind)}}, nil
	}
	if err := validateEndpoint(property.String(args, "clusterEndpoint")); err != nil {
		return nil, fmt.Errorf("cluster_endpoint is invalid: %w", err)
	}
	patches, err := configpatcher.LoadPatches(property.Strings(args, "configPatches"))
	if err != nil {
		return nil, fmt.Errorf("config_patches are invalid: %w", err)
	}
	if args["kubernetesVersion"] == nil {
		args["kubernetesVersion"] = defaultKubernetes
	}
	if args["talosVersion"] == nil {
		args["talosVersion"] = defaultContract
	}
	contract, err := machineconfig.ParseContractFromVersion(property.String(args, "talosVersion"))
	if err != nil {
		return nil, fmt.Errorf("talos_version is invalid: %w", err)
	}
	bundle, err := decodeSecrets(property.Object(args, "machineSecrets"))
	if err != nil {
		return nil, err
	}
	input, err := generate.NewInput(property.String(args, "clusterName"), property.String(args, "clusterEndpoint"),
		property.String(args, "kubernetesVersion"), generate.WithVersionContract(contract), generate.WithSecretsBundle(bundle))
	if err != nil {
		return nil, fmt.Errorf("generating the machine configuration: %w", err)
	}
	machineType, err := machine.ParseType(kind)
	if err != nil {
		return nil, err
	}
	generated, err := input.Config(machineType)
	if err != nil {
		return nil, fmt.Errorf("generating the machine configuration: %w", err)
	}
	comments := encoder.CommentsDisabled
	if property.Bool(args, "docs") {
		comments |= encoder.CommentsDocs
	}
	if property.Bool(args, "examples") {
		comments |= encoder.CommentsExamples
	}
	text, err := patch(generated, patches, encoder.WithComments(comments))
	if err != nil {
		return nil, err
	}
	args["machineConfiguration"] = text
	args["id"] = args["clusterName"]
	return nil, nil
}

func patch(base machineconfig.Provider, patches []configpatcher.Patch, options ...encoder.Option) (string, error) {
	if len(patches) > 0 {
		patched, err := configpatcher.Apply(configpatcher.WithConfig(base), patches)
		if err != nil {
			return "", fmt.Errorf("Error applying config patches - %w", err) //nolint:staticcheck // the official words
		}
		if base, err = patched.Config(); err != nil {
			return "", err
		}
	}
	text, err := base.EncodeBytes(options...)
	return string(text), err
}

// patchText applies patches to a finished configuration, comments dropped.
func patchText(text string, patches []string) (string, error) {
	base, err := configloader.NewFromBytes([]byte(text))
	if err != nil {
		return "", fmt.Errorf("Error loading config - %w", err) //nolint:staticcheck // the official words
	}
	loaded, err := configpatcher.LoadPatches(patches)
	if err != nil {
		return "", fmt.Errorf("Error loading config patches - %w", err) //nolint:staticcheck // the official words
	}
	return patch(base, loaded, encoder.WithComments(encoder.CommentsDisabled))
}

func validateEndpoint(endpoint string) error {
	parsed, err := url.Parse(endpoint)
	if err != nil {
		return fmt.Errorf("failed to parse the cluster endpoint URL: %w", err)
	}
	suggestion := *parsed
	suggestion.Scheme = "https"
	if suggestion.Host == "" {
		suggestion.Host, suggestion.Path = suggestion.Path, ""
	}
	if suggestion.Port() == "" {
		suggestion.Host += ":6443"
	}
	var problem string
	switch {
	case parsed.Scheme == "" && parsed.Port() == "":
		problem = "no scheme and port specified for the cluster endpoint URL"
	case parsed.Scheme != "https":
		problem = "the control plane endpoint URL should have scheme https://"
	default:
		return nil
	}
	return errors.New(problem + "\ntry: \"" + suggestion.String() + "\"")
}

func clientConfigurationFunction() *bridged.Function {
	return &bridged.Function{
		Arguments: bridged.Schema{
			"clusterName":         {Required: true},
			"clientConfiguration": {Kind: bridged.Object, Required: true, Fields: clientConfiguration()},
			"endpoints":           {Kind: bridged.List},
			"nodes":               {Kind: bridged.List},
		},
		Run: func(_ context.Context, args property.Map) ([]bridged.Failure, error) {
			name, credentials := property.String(args, "clusterName"), property.Object(args, "clientConfiguration")
			text, err := yaml.Marshal(&config.Config{
				Context: name,
				Contexts: map[string]*config.Context{name: {
					Endpoints: property.Strings(args, "endpoints"),
					Nodes:     property.Strings(args, "nodes"),
					CA:        property.String(credentials, "caCertificate"),
					Crt:       property.String(credentials, "clientCertificate"),
					Key:       property.String(credentials, "clientKey"),
				}},
			})
			if err != nil {
				return nil, fmt.Errorf("writing the talosconfig: %w", err)
			}
			args["talosConfig"] = string(text)
			args["id"] = name
			return nil, nil
		},
	}
}
