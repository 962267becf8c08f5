package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/cli"
	"helm.sh/helm/v3/pkg/registry"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"

	"plinth.dev/lab/rig/internal/plugin/property"
)

// helm is Helm's library pointed at one release.
type helm struct {
	config          *action.Configuration
	inputs          property.Map
	name, namespace string
	timeout         time.Duration
}

// helm prepares Helm for the release these inputs describe.
func (p *Provider) helm(ctx context.Context, inputs property.Map) (*helm, error) {
	o, cluster := p.current()
	if err := cluster.reachable(ctx); err != nil {
		return nil, unknownf("configured Kubernetes cluster is unreachable: %v", err)
	}
	h := &helm{
		config: new(action.Configuration), inputs: inputs,
		name: property.String(inputs, "name"), namespace: property.String(inputs, "namespace"),
		timeout: time.Duration(property.Number(inputs, "timeout") * float64(time.Second)),
	}
	// Helm looks only once for a kind: one that came since the last look must not be missed.
	cluster.mapper.Reset()

	getter := &clientGetter{cluster, o, h.namespace}
	if err := h.config.Init(getter, h.namespace, "secret", func(string, ...any) {}); err != nil {
		return nil, unknownf("starting Helm: %v", err)
	}
	return h, nil
}

func (h *helm) flag(name string) bool { return property.Bool(h.inputs, name) }

func (h *helm) values() property.Map {
	values, _ := toJSON(property.Object(h.inputs, "values")).(property.Map)
	if h.flag("allowNullValues") {
		return values
	}
	return withoutNulls(values)
}

func withoutNulls(values property.Map) property.Map {
	out := property.Map{}
	for key, value := range values {
		if object, ok := value.(property.Map); ok {
			value = withoutNulls(object)
		}
		if value != nil {
			out[key] = value
		}
	}
	return out
}

func (h *helm) install(ctx context.Context) (*release.Release, error) {
	chart, err := h.chart()
	if err != nil {
		return nil, err
	}
	i := action.NewInstall(h.config)
	i.ReleaseName, i.Namespace, i.CreateNamespace = h.name, h.namespace, h.flag("createNamespace")
	i.Timeout, i.Wait, i.WaitForJobs, i.Atomic = h.timeout, !h.flag("skipAwait"), h.flag("waitForJobs"), h.flag("atomic")
	i.Devel, i.Replace, i.SkipCRDs = h.flag("devel"), h.flag("replace"), h.flag("skipCrds")
	i.DisableHooks, i.DisableOpenAPIValidation = h.flag("disableWebhooks"), h.flag("disableOpenapiValidation")
	i.SubNotes, i.Description, i.Force = h.flag("renderSubchartNotes"), property.String(h.inputs, "description"), h.flag("forceUpdate")
	return i.RunWithContext(ctx, chart, h.values())
}

func (h *helm) upgrade(ctx context.Context) (*release.Release, error) {
	chart, err := h.chart()
	if err != nil {
		return nil, err
	}
	u := action.NewUpgrade(h.config)
	u.Namespace, u.SkipCRDs, u.Devel = h.namespace, h.flag("skipCrds"), h.flag("devel")
	u.Timeout, u.Wait, u.WaitForJobs, u.Atomic = h.timeout, !h.flag("skipAwait"), h.flag("waitForJobs"), h.flag("atomic")
	u.Force, u.ResetValues, u.ReuseValues = h.flag("forceUpdate"), h.flag("resetValues"), h.flag("reuseValues")
	u.Recreate, u.CleanupOnFail, u.SubNotes = h.flag("recreatePods"), h.flag("cleanupOnFail"), h.flag("renderSubchartNotes")
	u.DisableHooks, u.DisableOpenAPIValidation = h.flag("disableWebhooks"), h.flag("disableOpenapiValidation")
	u.MaxHistory, u.Description = int(property.Number(h.inputs, "maxHistory")), property.String(h.inputs, "description")
	return u.RunWithContext(ctx, h.name, chart, h.values())
}

func (h *helm) chart() (*chart.Chart, error) {
	path, err := locateChart(h.inputs)
	if err != nil {
		return nil, err
	}
	loaded, err := loader.Load(path)
	if err != nil {
		return nil, err
	}
	if kind := loaded.Metadata.Type; kind != "" && kind != "application" {
		return nil, fmt.Errorf("%s charts are not installable", kind)
	}
	return loaded, action.CheckDependencies(loaded, loaded.Metadata.Dependencies)
}

func isRemote(chart string) bool { return strings.Contains(chart, "://") }

// locateChart finds a chart on disk, or fetches it from the repository the program names.
func locateChart(inputs property.Map) (string, error) {
	repository := property.Object(inputs, "repositoryOpts")
	install := action.NewInstall(new(action.Configuration))
	o := &install.ChartPathOptions
	o.RepoURL, o.Username, o.Password = property.String(repository, "repo"), property.String(repository, "username"), property.String(repository, "password")
	o.CaFile, o.CertFile, o.KeyFile = property.String(repository, "caFile"), property.String(repository, "certFile"), property.String(repository, "keyFile")
	o.Version = property.String(inputs, "version")
	name := property.String(inputs, "chart")
	if registry.IsOCI(name) {
		client, err := registry.NewClient()
		if err != nil {
			return "", err
		}
		install.SetRegistryClient(client)
	}
	return o.LocateChart(name, cli.New())
}

// resourceNames lists what a release made: names by kind, with a namespace where it is not the release's.
func resourceNames(rel *release.Release) (property.Map, error) {
	out := property.Map{}
	manifests := releaseutil.SplitManifests(rel.Manifest)
	keys := make([]string, 0, len(manifests))
	for key := range manifests {
		keys = append(keys, key)
	}
	sort.Sort(releaseutil.BySplitManifestsOrder(keys))
	for _, key := range keys {
		var head struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Metadata   struct{ Name, Namespace string }
		}
		if err := yaml.Unmarshal([]byte(manifests[key]), &head); err != nil {
			return nil, fmt.Errorf("reading the manifest of release %s: %w", rel.Name, err)
		}
		if head.Kind == "" {
			continue
		}
		gv, err := schema.ParseGroupVersion(head.APIVersion)
		if err != nil {
			return nil, err
		}
		kind := head.Kind
		if gv.Group != "" {
			kind += "." + gv.Group
		}
		name := head.Metadata.Name
		if head.Metadata.Namespace != "" && head.Metadata.Namespace != rel.Namespace {
			name = head.Metadata.Namespace + "/" + name
		}
		list, _ := out[kind+"/"+head.APIVersion].([]any)
		out[kind+"/"+head.APIVersion] = append(list, name)
	}
	return out, nil
}

// valuesOf are the values a release runs with, secret where the inputs are.
func valuesOf(rel *release.Release, inputs property.Map) property.Map {
	values := property.Map{}
	raw, err := json.Marshal(rel.Config)
	if err == nil {
		err = json.Unmarshal(raw, &values)
	}
	if err != nil || values == nil {
		values = property.Map{}
	}
	copySecrets(values, property.MapOf(inputs["values"]))
	return values
}

// clientGetter lets Helm share this plugin's connection and discovery.
type clientGetter struct {
	cluster   *cluster
	options   options
	namespace string
}

func (g *clientGetter) ToRESTConfig() (*rest.Config, error) {
	return rest.CopyConfig(g.cluster.rest), nil
}

func (g *clientGetter) ToDiscoveryClient() (discovery.CachedDiscoveryInterface, error) {
	return g.cluster.discovery, nil
}

func (g *clientGetter) ToRESTMapper() (meta.RESTMapper, error) { return g.cluster.mapper, nil }

func (g *clientGetter) ToRawKubeConfigLoader() clientcmd.ClientConfig {
	o := g.options
	o.namespace = g.namespace
	config, err := o.clientConfig()
	if err != nil { // it was read without error when the cluster was found
		return clientcmd.NewDefaultClientConfig(api.Config{}, &clientcmd.ConfigOverrides{})
	}
	return config
}
