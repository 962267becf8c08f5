package talos

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"k8s.io/client-go/tools/clientcmd"

	"plinth.dev/lab/rig/internal/plugin/bridged"
	"plinth.dev/lab/rig/internal/plugin/property"
)

func bootstrapResource() *bridged.Resource {
	return &bridged.Resource{
		Version: "1",
		Properties: bridged.Schema{
			"node":                  {Required: true},
			"endpoint":              {Computed: true},
			"clientConfiguration":   {Kind: bridged.Object, Fields: clientConfiguration()},
			"clientConfigurationWo": {Kind: bridged.Object, Refused: true},
			"timeouts":              timeouts("create"),
		},
		Validate: requireAll("clientConfiguration"),
		Plan:     planEndpoint,
		Create: func(ctx context.Context, planned property.Map) (string, error) {
			timeout, err := timeoutOf(planned, "create")
			if err != nil {
				return "", err
			}
			err = targetOf(planned).retry(ctx, timeout, func(ctx context.Context, c connection) error {
				return c.Bootstrap(ctx, &machine.BootstrapRequest{})
			})
			if err != nil {
				return "", fmt.Errorf("Error bootstrapping node: %w", err) //nolint:staticcheck // the official words
			}
			return "machine_bootstrap", nil
		},
	}
}

func planEndpoint(_, planned property.Map) error {
	if _, unknown := planned["endpoint"].(property.Unknown); unknown || planned["endpoint"] == nil {
		planned["endpoint"] = planned["node"]
	}
	return nil
}

// renewal is how long a kubeconfig's certificate must still be good for, unless the program says else.
const renewal = "720h"

func kubeconfigResource() *bridged.Resource {
	return &bridged.Resource{
		Version: "1",
		Properties: bridged.Schema{
			"node":                       {Required: true},
			"endpoint":                   {Computed: true},
			"clientConfiguration":        {Kind: bridged.Object, Required: true, Fields: clientConfiguration()},
			"certificateRenewalDuration": {Default: renewal},
			"timeouts":                   timeouts("create", "update"),
			"kubeconfigRaw":              {Output: true, Secret: true},
			"kubernetesClientConfiguration": {Kind: bridged.Object, Output: true, Fields: bridged.Schema{
				"host": {}, "caCertificate": {}, "clientCertificate": {}, "clientKey": {Secret: true}}},
		},
		Validate: func(_ string, inputs property.Map) ([]bridged.Failure, error) {
			if text := property.String(inputs, "certificateRenewalDuration"); text != "" {
				if _, err := time.ParseDuration(text); err != nil {
					return []bridged.Failure{{Property: "certificateRenewalDuration", Reason: err.Error()}}, nil
				}
			}
			return nil, nil
		},
		Plan: planKubeconfig,
		Create: func(ctx context.Context, planned property.Map) (string, error) {
			return fetchKubeconfig(ctx, planned, "create")
		},
		Update: func(ctx context.Context, _, planned property.Map) error {
			if _, stale := planned["kubeconfigRaw"].(property.Unknown); !stale {
				return nil
			}
			_, err := fetchKubeconfig(ctx, planned, "update")
			return err
		},
	}
}

// planKubeconfig asks for a new kubeconfig when the certificate in the old one runs out too soon.
func planKubeconfig(olds, planned property.Map) error {
	if err := planEndpoint(olds, planned); err != nil || olds == nil {
		return err
	}
	wanted, err := time.ParseDuration(property.String(planned, "certificateRenewalDuration"))
	if err != nil {
		return fmt.Errorf("certificateRenewalDuration: %w", err)
	}
	end, readable := expiry(property.String(property.Object(olds, "kubernetesClientConfiguration"), "clientCertificate"))
	if readable && time.Until(end) < wanted {
		planned["kubeconfigRaw"] = property.Unknown{}
		planned["kubernetesClientConfiguration"] = property.Unknown{}
	}
	return nil
}

func expiry(encoded string) (time.Time, bool) {
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return time.Time{}, false
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return time.Time{}, false
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, false
	}
	return certificate.NotAfter, true
}

func fetchKubeconfig(ctx context.Context, planned property.Map, operation string) (string, error) {
	timeout, err := timeoutOf(planned, operation)
	if err != nil {
		return "", err
	}
	var raw []byte
	err = targetOf(planned).retry(ctx, timeout, func(ctx context.Context, c connection) error {
		var err error
		raw, err = c.Kubeconfig(ctx)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("failed to retrieve kubeconfig: %w", err)
	}
	parsed, err := clientcmd.Load(raw)
	if err != nil {
		return "", fmt.Errorf("failed to parse kubeconfig: %w", err)
	}
	selected := parsed.Contexts[parsed.CurrentContext]
	if selected == nil || parsed.Clusters[selected.Cluster] == nil || parsed.AuthInfos[selected.AuthInfo] == nil {
		return "", errors.New("failed to parse kubeconfig: its current context names no cluster and user")
	}
	cluster, user := parsed.Clusters[selected.Cluster], parsed.AuthInfos[selected.AuthInfo]
	planned["kubeconfigRaw"] = string(raw)
	planned["kubernetesClientConfiguration"] = property.Map{
		"host":              cluster.Server,
		"caCertificate":     encode(cluster.CertificateAuthorityData),
		"clientCertificate": encode(user.ClientCertificateData),
		"clientKey":         encode(user.ClientKeyData),
	}
	return selected.Cluster, nil
}
