// Package talos stands in for the Talos provider: secrets, configurations, first apply, bootstrap and
// kubeconfig, spoken to machines through Talos' own client library.
package talos

import (
	"plinth.dev/lab/rig/internal/plugin/bridged"
	"plinth.dev/lab/rig/internal/plugin/host"
)

// New is the plugin, ready to be served.
func New() *bridged.Server {
	return &bridged.Server{
		Base: host.NewBase(),
		Name: "talos",
		Resources: map[string]*bridged.Resource{
			"talos:machine/secrets:Secrets":                       secretsResource(),
			"talos:machine/configurationApply:ConfigurationApply": applyResource(),
			"talos:machine/bootstrap:Bootstrap":                   bootstrapResource(),
			"talos:cluster/kubeconfig:Kubeconfig":                 kubeconfigResource(),
			"talos:imageFactory/schematic:Schematic":              schematicResource(),
		},
		Functions: map[string]*bridged.Function{
			"talos:machine/getConfiguration:getConfiguration": machineConfigurationFunction(),
			"talos:client/getConfiguration:getConfiguration":  clientConfigurationFunction(),
		},
	}
}

// clientConfiguration is the certificate with which a machine's API is spoken to.
func clientConfiguration() bridged.Schema {
	return bridged.Schema{
		"caCertificate":     {Required: true},
		"clientCertificate": {Required: true},
		"clientKey":         {Required: true, Secret: true},
	}
}

func timeouts(names ...string) *bridged.Property {
	fields := bridged.Schema{}
	for _, name := range names {
		fields[name] = &bridged.Property{}
	}
	return &bridged.Property{Kind: bridged.Object, Fields: fields}
}
