package kubernetes

import (
	"os"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"plinth.dev/lab/rig/internal/plugin/property"
)

var knownOptions = map[string]bool{
	"version": true, "pluginDownloadURL": true,
	"kubeconfig": true, "context": true, "cluster": true, "namespace": true, "clusterIdentifier": true,
	"enableServerSideApply": true, "enablePatchForce": true, "upsertExistingObjects": true,
	"enableConfigMapMutable": true, "enableSecretMutable": true,
	"deleteUnreachable": true, "skipUpdateUnreachable": true,
	"suppressDeprecationWarnings": true, "suppressHelmHookWarnings": true,
	"kubeClientSettings": true,
}

var knownClientSettings = map[string]bool{"qps": true, "burst": true, "timeout": true}

// options is the provider's configuration.
type options struct {
	kubeconfig, context, cluster string
	namespace                    string // where namespaced objects go that name none
	serverSideApply              bool
	patchForce, upsert           bool
	configMapMutable             bool // change a ConfigMap in place instead of replacing it
	secretMutable                bool
	deleteUnreachable            bool // forget what an unreachable cluster holds
	skipUpdateUnreachable        bool // leave everything as it is while the cluster is unreachable
	client                       property.Map
}

func readOptions(variables property.Map) options {
	yes := func(key string) bool { return property.String(variables, key) == "true" }
	o := options{
		kubeconfig:            property.String(variables, "kubeconfig"),
		context:               property.String(variables, "context"),
		cluster:               property.String(variables, "cluster"),
		namespace:             property.String(variables, "namespace"),
		serverSideApply:       property.String(variables, "enableServerSideApply") != "false",
		patchForce:            yes("enablePatchForce"),
		upsert:                yes("upsertExistingObjects"),
		configMapMutable:      yes("enableConfigMapMutable"),
		secretMutable:         yes("enableSecretMutable"),
		deleteUnreachable:     yes("deleteUnreachable") || os.Getenv("PULUMI_K8S_DELETE_UNREACHABLE") == "true",
		skipUpdateUnreachable: yes("skipUpdateUnreachable") || os.Getenv("PULUMI_K8S_SKIP_UPDATE_UNREACHABLE") == "true",
		client:                decodeNested(property.String(variables, "kubeClientSettings")),
	}
	if o.namespace == "" {
		o.namespace = "default"
	}
	return o
}

// loadKubeconfig takes a kubeconfig's text or its path; nothing means the user's own files.
func loadKubeconfig(textOrPath string) (clientcmd.ClientConfigLoader, *api.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	if textOrPath == "" {
		loaded, err := rules.Load()
		return rules, loaded, err
	}
	if _, err := os.Stat(textOrPath); err == nil {
		rules.ExplicitPath = textOrPath
		loaded, err := rules.Load()
		return rules, loaded, err
	}
	loaded, err := clientcmd.Load([]byte(textOrPath))
	return rules, loaded, err
}

func (o options) clientConfig() (clientcmd.ClientConfig, error) {
	_, loaded, err := loadKubeconfig(o.kubeconfig)
	if err != nil {
		return nil, err
	}
	overrides := &clientcmd.ConfigOverrides{CurrentContext: o.context}
	overrides.Context.Cluster = o.cluster
	overrides.Context.Namespace = o.namespace
	return clientcmd.NewDefaultClientConfig(*loaded, overrides), nil
}

// The official plugin's own limits: the client library's defaults would slow a big stack down.
const (
	defaultQPS   = 120
	defaultBurst = 200
)

func (o options) restConfig() (*rest.Config, error) {
	config, err := o.clientConfig()
	if err != nil {
		return nil, err
	}
	restConfig, err := config.ClientConfig()
	if err != nil {
		return nil, err
	}
	restConfig.QPS, restConfig.Burst = defaultQPS, defaultBurst
	restConfig.UserAgent = "pulumi-kubernetes"
	restConfig.WarningHandler = rest.NoWarnings{}
	if qps := property.Number(o.client, "qps"); qps != 0 {
		restConfig.QPS = float32(qps)
	}
	if burst := property.Number(o.client, "burst"); burst != 0 {
		restConfig.Burst = int(burst)
	}
	if timeout := property.Number(o.client, "timeout"); timeout != 0 {
		restConfig.Timeout = time.Duration(timeout) * time.Second
	}
	return restConfig, nil
}

// activeCluster is the server a configuration points to.
func activeCluster(config property.Map) (string, error) {
	_, loaded, err := loadKubeconfig(property.String(config, "kubeconfig"))
	if err != nil {
		return "", err
	}
	name := property.String(config, "context")
	if name == "" {
		name = loaded.CurrentContext
	}
	selected := loaded.Contexts[name]
	if selected == nil || loaded.Clusters[selected.Cluster] == nil {
		return "", nil
	}
	return loaded.Clusters[selected.Cluster].Server, nil
}
