package cluster

import (
	"errors"
	"fmt"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"plinth.dev/lab/rig/internal/pki"
	"plinth.dev/lab/rig/internal/settings"
)

// ErrNotControlPlane is the answer of a worker that is asked for a kubeconfig.
var ErrNotControlPlane = errors.New("kubeconfig is only available on control plane nodes")

// AdminKubeconfig is what the Talos API hands out: admin rights, through the cluster's endpoint.
func AdminKubeconfig(cfg config.Provider) ([]byte, error) {
	if !cfg.Machine().Type().IsControlPlane() {
		return nil, ErrNotControlPlane
	}

	admin := cfg.Cluster().AdminKubeconfig()
	user := fmt.Sprintf("admin@%s", settings.ClusterName(cfg))

	return kubeconfig(cfg, settings.Endpoint(cfg).String(), settings.ClusterName(cfg), user, pki.Leaf{
		Name: admin.CommonName(), Organizations: []string{admin.CertOrganization()}, Usage: pki.ClientAuth,
	})
}

// kubeconfig renders a client configuration for a fresh certificate.
func kubeconfig(cfg config.Provider, server, clusterName, user string, who pki.Leaf) ([]byte, error) {
	pair, err := pki.Issue(settings.KubernetesCA(cfg), who)
	if err != nil {
		return nil, err
	}

	return clientcmd.Write(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{
			clusterName: {Server: server, CertificateAuthorityData: settings.KubernetesCA(cfg).Crt},
		},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{
			user: {ClientCertificateData: pair.CrtPEM, ClientKeyData: pair.KeyPEM},
		},
		Contexts: map[string]*clientcmdapi.Context{
			user: {Cluster: clusterName, AuthInfo: user, Namespace: "default"},
		},
		CurrentContext: user,
	})
}

// client is an API client for one server, as one user.
func client(cfg config.Provider, server string, who pki.Leaf) (*kubernetes.Clientset, error) {
	pair, err := pki.Issue(settings.KubernetesCA(cfg), who)
	if err != nil {
		return nil, err
	}

	return kubernetes.NewForConfig(&rest.Config{
		Host: server,
		TLSClientConfig: rest.TLSClientConfig{
			CAData: settings.KubernetesCA(cfg).Crt, CertData: pair.CrtPEM, KeyData: pair.KeyPEM,
		},
		Timeout: callTimeout,
		QPS:     50,
		Burst:   100,
	})
}
