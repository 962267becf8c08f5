package talos

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"github.com/siderolabs/talos/pkg/machinery/role"

	"plinth.dev/lab/rig/internal/plugin/bridged"
	"plinth.dev/lab/rig/internal/plugin/property"
)

// defaultContract is the configuration contract when a program names no Talos version.
const defaultContract = "v1.13"

// defaultKubernetes is the version when a program names none: that of the plugin stood in for.
const defaultKubernetes = "1.36.0"

func pair() *bridged.Property {
	return &bridged.Property{Kind: bridged.Object, Fields: bridged.Schema{"cert": {Required: true}, "key": {Required: true, Secret: true}}}
}

func machineSecrets() bridged.Schema {
	return bridged.Schema{
		"certs": {Kind: bridged.Object, Required: true, Fields: bridged.Schema{
			"etcd": pair(), "k8s": pair(), "k8sAggregator": pair(), "os": pair(),
			"k8sServiceaccount": {Kind: bridged.Object, Required: true, Fields: bridged.Schema{"key": {Required: true, Secret: true}}},
		}},
		"cluster": {Kind: bridged.Object, Required: true, Fields: bridged.Schema{
			"id": {Required: true}, "secret": {Required: true, Secret: true}}},
		"secrets": {Kind: bridged.Object, Required: true, Fields: bridged.Schema{
			"bootstrapToken":            {Required: true, Secret: true},
			"aescbcEncryptionSecret":    {Secret: true},
			"secretboxEncryptionSecret": {Secret: true},
		}},
		"trustdinfo": {Kind: bridged.Object, Required: true, Fields: bridged.Schema{"token": {Required: true, Secret: true}}},
	}
}

func secretsResource() *bridged.Resource {
	return &bridged.Resource{
		Version: "1",
		Properties: bridged.Schema{
			"talosVersion":        {Default: defaultContract},
			"machineSecrets":      {Kind: bridged.Object, Output: true, Fields: machineSecrets()},
			"clientConfiguration": {Kind: bridged.Object, Output: true, Fields: clientConfiguration()},
		},
		Validate: func(_ string, inputs property.Map) ([]bridged.Failure, error) {
			if version := property.String(inputs, "talosVersion"); version != "" {
				if _, err := config.ParseContractFromVersion(version); err != nil {
					return nil, fmt.Errorf("Invalid version: %w", err) //nolint:staticcheck // the official words
				}
			}
			return nil, nil
		},
		Plan: func(olds, planned property.Map) error {
			if olds != nil && !property.Equal(olds["talosVersion"], planned["talosVersion"]) {
				planned["machineSecrets"] = property.Unknown{}
				planned["clientConfiguration"] = property.Unknown{}
			}
			return nil
		},
		Create: func(_ context.Context, planned property.Map) (string, error) {
			return "machine_secrets", generateSecrets(planned)
		},
		// A new version never makes new secrets: that would lock everyone out of the cluster.
		Update: func(_ context.Context, olds, planned property.Map) error {
			planned["machineSecrets"] = olds["machineSecrets"]
			planned["clientConfiguration"] = olds["clientConfiguration"]
			return nil
		},
	}
}

func generateSecrets(planned property.Map) error {
	contract, err := config.ParseContractFromVersion(property.String(planned, "talosVersion"))
	if err != nil {
		return err
	}
	bundle, err := secrets.NewBundle(secrets.NewFixedClock(time.Now()), contract)
	if err != nil {
		return fmt.Errorf("generating machine secrets: %w", err)
	}
	admin, err := bundle.GenerateTalosAPIClientCertificateWithTTL(role.MakeSet(role.Admin), constants.TalosAPIDefaultCertificateValidityDuration)
	if err != nil {
		return fmt.Errorf("generating the client certificate: %w", err)
	}
	planned["machineSecrets"] = encodeSecrets(bundle)
	planned["clientConfiguration"] = property.Map{
		"caCertificate":     encode(bundle.Certs.OS.Crt),
		"clientCertificate": encode(admin.Crt),
		"clientKey":         encode(admin.Key),
	}
	return nil
}

func encodeSecrets(bundle *secrets.Bundle) property.Map {
	certificate := func(p *x509.PEMEncodedCertificateAndKey) property.Map {
		return property.Map{"cert": encode(p.Crt), "key": encode(p.Key)}
	}
	encryption := property.Map{"bootstrapToken": bundle.Secrets.BootstrapToken}
	if bundle.Secrets.AESCBCEncryptionSecret != "" {
		encryption["aescbcEncryptionSecret"] = bundle.Secrets.AESCBCEncryptionSecret
	}
	if bundle.Secrets.SecretboxEncryptionSecret != "" {
		encryption["secretboxEncryptionSecret"] = bundle.Secrets.SecretboxEncryptionSecret
	}
	return property.Map{
		"certs": property.Map{
			"etcd":              certificate(bundle.Certs.Etcd),
			"k8s":               certificate(bundle.Certs.K8s),
			"k8sAggregator":     certificate(bundle.Certs.K8sAggregator),
			"os":                certificate(bundle.Certs.OS),
			"k8sServiceaccount": property.Map{"key": encode(bundle.Certs.K8sServiceAccount.Key)},
		},
		"cluster":    property.Map{"id": bundle.Cluster.ID, "secret": bundle.Cluster.Secret},
		"secrets":    encryption,
		"trustdinfo": property.Map{"token": bundle.TrustdInfo.Token},
	}
}

// decodeSecrets is the way back; every base64 text that is none is reported by its property.
func decodeSecrets(value property.Map) (*secrets.Bundle, error) {
	certs := property.Object(value, "certs")
	var firstErr error
	decode := func(group, key string) []byte {
		raw, err := base64.StdEncoding.DecodeString(property.String(property.Object(certs, group), key))
		if err != nil && firstErr == nil {
			firstErr = fmt.Errorf("machineSecrets.certs.%s.%s is not base64: %w", group, key, err)
		}
		return raw
	}
	certificate := func(group string) *x509.PEMEncodedCertificateAndKey {
		return &x509.PEMEncodedCertificateAndKey{Crt: decode(group, "cert"), Key: decode(group, "key")}
	}
	cluster, encryption := property.Object(value, "cluster"), property.Object(value, "secrets")
	bundle := &secrets.Bundle{
		Clock:   secrets.NewFixedClock(time.Now()),
		Cluster: &secrets.Cluster{ID: property.String(cluster, "id"), Secret: property.String(cluster, "secret")},
		Secrets: &secrets.Secrets{
			BootstrapToken:            property.String(encryption, "bootstrapToken"),
			AESCBCEncryptionSecret:    property.String(encryption, "aescbcEncryptionSecret"),
			SecretboxEncryptionSecret: property.String(encryption, "secretboxEncryptionSecret"),
		},
		TrustdInfo: &secrets.TrustdInfo{Token: property.String(property.Object(value, "trustdinfo"), "token")},
		Certs: &secrets.Certs{
			Etcd: certificate("etcd"), K8s: certificate("k8s"), K8sAggregator: certificate("k8sAggregator"), OS: certificate("os"),
			K8sServiceAccount: &x509.PEMEncodedKey{Key: decode("k8sServiceaccount", "key")},
		},
	}
	return bundle, firstErr
}

func encode(raw []byte) string { return base64.StdEncoding.EncodeToString(raw) }
