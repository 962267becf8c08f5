package cluster

import (
	"fmt"
	"maps"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"go.yaml.in/yaml/v4"

	"plinth.dev/lab/rig/internal/settings"
)

// apiServerGroup is the API group of the API server's own configuration files.
const apiServerGroup = "apiserver.config.k8s.io/v1"

// authenticationFile is only there when the configuration has such a document.
const authenticationFile = "authentication.yaml"

// apiServerDocuments are the policy files the machine configuration asks for.
func apiServerDocuments(cfg config.Provider) (files, error) {
	var plugins []map[string]any

	for _, plugin := range cfg.K8sAdmissionControlPluginConfigs() {
		plugins = append(plugins, map[string]any{"name": plugin.Name(), "configuration": plugin.Configuration()})
	}

	documents := map[string]any{
		"admission.yaml": map[string]any{
			"apiVersion": apiServerGroup, "kind": "AdmissionConfiguration", "plugins": plugins,
		},
		"audit.yaml":      auditPolicy(cfg),
		"encryption.yaml": encryption(cfg),
	}

	if authentication := cfg.K8sAuthenticationConfig(); authentication != nil && cfg.K8sAPIServerConfig().UseAuthenticationConfig() {
		documents[authenticationFile] = configurationFile("AuthenticationConfiguration", authentication.Configuration())
	}

	out := files{}

	for name, document := range documents {
		raw, err := yaml.Marshal(document)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}

		out[name] = raw
	}

	return out, nil
}

// configurationFile is a document's content as the API server reads it.
func configurationFile(kind string, content map[string]any) map[string]any {
	file := maps.Clone(content)
	if file == nil {
		file = map[string]any{}
	}

	file["apiVersion"], file["kind"] = apiServerGroup, kind

	return file
}

func auditPolicy(cfg config.Provider) map[string]any {
	if policy := cfg.K8sAuditPolicyConfig(); policy != nil && policy.Configuration() != nil {
		return policy.Configuration()
	}

	return map[string]any{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": []map[string]any{{"level": "Metadata"}}}
}

func encryption(cfg config.Provider) map[string]any {
	const kind = "EncryptionConfiguration"

	if document := cfg.K8sEtcdEncryptionConfig(); document != nil {
		return configurationFile(kind, document.EtcdEncryptionConfig())
	}

	var providers []map[string]any

	if secret := cfg.Cluster().SecretboxEncryptionSecret(); secret != "" {
		providers = append(providers, encryptionProvider("secretbox", secret))
	}

	if secret := cfg.Cluster().AESCBCEncryptionSecret(); secret != "" {
		providers = append(providers, encryptionProvider("aescbc", secret))
	}

	providers = append(providers, map[string]any{"identity": map[string]any{}})

	return configurationFile(kind, map[string]any{
		"resources": []map[string]any{{"resources": []string{"secrets"}, "providers": providers}},
	})
}

func encryptionProvider(kind, secret string) map[string]any {
	return map[string]any{kind: map[string]any{"keys": []map[string]any{{"name": "key1", "secret": secret}}}}
}

// issuers are who signs service account tokens; the first one signs, the others are still believed.
func issuers(cfg config.Provider) []string {
	account := cfg.K8sServiceAccountConfig()
	if account == nil || account.IssuerURL() == "" {
		return []string{settings.Endpoint(cfg).String()}
	}

	return append([]string{account.IssuerURL()}, account.AcceptedIssuers()...)
}

// audiences are whom tokens are for.
func audiences(cfg config.Provider) []string {
	if account := cfg.K8sServiceAccountConfig(); account != nil && len(account.APIAudiences()) > 0 {
		return []string{joined(account.APIAudiences())}
	}

	return []string{settings.Endpoint(cfg).String()}
}
