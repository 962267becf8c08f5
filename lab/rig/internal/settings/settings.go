// Package settings answers what the rig asks of a machine configuration, whether it was written
// in the fields of the v1alpha1 document or, as Talos 1.14 does, in documents of their own.
package settings

import (
	"net/netip"
	"net/url"

	"github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/talos/pkg/machinery/config"
	documents "github.com/siderolabs/talos/pkg/machinery/config/config"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	"github.com/siderolabs/talos/pkg/machinery/constants"
)

// ClusterID names the cluster; empty when the configuration names none.
func ClusterID(cfg config.Provider) string {
	if identity := cfg.DiscoveryIdentityConfig(); identity != nil {
		return identity.ClusterID()
	}

	return ""
}

// ClusterName is the human name of the cluster.
func ClusterName(cfg config.Provider) string {
	if cluster := cfg.K8sClusterConfig(); cluster != nil {
		return cluster.ClusterName()
	}

	return ""
}

// Endpoint is the address by which the cluster's Kubernetes API is known.
func Endpoint(cfg config.Provider) *url.URL {
	if cluster := cfg.K8sClusterConfig(); cluster != nil && cluster.ClusterEndpoint() != nil {
		return cluster.ClusterEndpoint()
	}

	return &url.URL{}
}

// APIPort is where a machine's own API server listens.
func APIPort(cfg config.Provider) int {
	if server := cfg.K8sAPIServerConfig(); server != nil {
		return server.APIPort()
	}

	return constants.DefaultControlPlanePort
}

// KubernetesCA signs the certificates of the cluster; nil on a machine that may not.
func KubernetesCA(cfg config.Provider) *x509.PEMEncodedCertificateAndKey {
	if ca := cfg.K8sAPIServerCAConfig(); ca != nil {
		return ca.IssuingCA()
	}

	return nil
}

// AggregatorCA signs the certificates of the API server's own client.
func AggregatorCA(cfg config.Provider) *x509.PEMEncodedCertificateAndKey {
	if ca := cfg.K8sAggregatorCAConfig(); ca != nil {
		return ca.IssuingCA()
	}

	return nil
}

// ServiceAccountKey signs service account tokens.
func ServiceAccountKey(cfg config.Provider) *x509.PEMEncodedKey {
	if account := cfg.K8sServiceAccountConfig(); account != nil {
		return account.IssuingKey()
	}

	return nil
}

// Network are the networks of pods and services, Talos' defaults where nothing is said.
func Network(cfg config.Provider) documents.K8sNetworkConfig {
	if network := cfg.K8sNetworkConfig(); network != nil {
		return network
	}

	return &v1alpha1.ClusterConfig{ClusterNetwork: &v1alpha1.ClusterNetworkConfig{}}
}

// Prefixes renders networks as program arguments want them.
func Prefixes(networks []netip.Prefix) []string {
	list := make([]string, len(networks))
	for i, network := range networks {
		list[i] = network.String()
	}

	return list
}

// APIServerIPs are the addresses of the kubernetes service: the first of each service network.
func APIServerIPs(cfg config.Provider) []netip.Addr {
	var list []netip.Addr
	for _, network := range Network(cfg).ServiceCIDRs() {
		list = append(list, network.Masked().Addr().Next())
	}

	return list
}

// CNI names what brings the pod network: flannel, custom or none.
func CNI(cfg config.Provider) string {
	raw := cfg.RawV1Alpha1()

	switch {
	case cfg.K8sFlannelCNIConfig() != nil:
		return constants.FlannelCNI
	case raw != nil && raw.ClusterConfig != nil && raw.ClusterConfig.ClusterNetwork != nil:
		return raw.ClusterConfig.CNI().Name()
	case cfg.K8sNetworkConfig() != nil:
		// Where the networks are a document, the pod network is one too, or there is none.
		return constants.NoneCNI
	default:
		return constants.FlannelCNI
	}
}

// InstallImage is the image that an installation from this configuration writes.
func InstallImage(cfg config.Provider) string {
	if install := cfg.UnattendedInstallConfig(); install != nil {
		return install.InstallerImage()
	}

	if machine := cfg.Machine(); machine != nil && machine.Install() != nil {
		return machine.Install().Image()
	}

	return ""
}
