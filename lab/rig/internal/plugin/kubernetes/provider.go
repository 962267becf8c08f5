// Package kubernetes stands in for the Kubernetes provider: any kind by discovery, server-side apply,
// previews by dry run, waiting for readiness, and Helm releases through Helm's own library.
package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"plinth.dev/lab/rig/internal/plugin/bridged"
	"plinth.dev/lab/rig/internal/plugin/host"
	"plinth.dev/lab/rig/internal/plugin/property"
)

const pluginName = "kubernetes"

// Provider is the plugin.
type Provider struct {
	host.Base
	mu      sync.RWMutex
	options options
	cluster *cluster
}

// New is the plugin, ready to be served.
func New() *Provider {
	return &Provider{Base: host.NewBase(), options: readOptions(nil), cluster: unconfigured()}
}

// CheckConfig echoes the configuration after refusing options nobody here would honour.
func (p *Provider) CheckConfig(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	response := &pulumirpc.CheckResponse{Inputs: req.GetNews()}
	news := property.FromStruct(req.GetNews())
	settings := property.Object(news, "kubeClientSettings")
	if text := property.String(news, "kubeClientSettings"); text != "" {
		settings = decodeNested(text)
	}
	for _, key := range property.Keys(settings) {
		if !knownClientSettings[key] {
			response.Failures = append(response.Failures, &pulumirpc.CheckFailure{
				Property: "kubeClientSettings", Reason: fmt.Sprintf("the kubernetes stand-in knows no client setting %q", key)})
		}
	}
	for _, key := range property.Keys(news) {
		if !knownOptions[key] {
			response.Failures = append(response.Failures, &pulumirpc.CheckFailure{
				Property: key, Reason: fmt.Sprintf("the kubernetes stand-in knows no provider option %q", key)})
		}
	}
	return response, nil
}

// DiffConfig tells whether a changed configuration means another cluster, which replaces everything.
func (p *Provider) DiffConfig(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	olds := property.PlainMap(property.FromStruct(req.GetOlds()))
	news := property.PlainMap(property.FromStruct(req.GetNews()))
	var diffs, replaces []string
	for _, key := range property.Keys(property.Union(olds, news)) {
		if !property.Equal(olds[key], news[key]) {
			diffs = append(diffs, key)
		}
	}
	if len(diffs) == 0 {
		return &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}, nil
	}
	if !property.HasUnknown(news["kubeconfig"]) {
		other, err := anotherCluster(olds, news)
		if err != nil {
			return nil, err
		}
		replaces = other
	}
	return &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_SOME, Diffs: diffs, Replaces: replaces}, nil
}

// anotherCluster names the option by which the new configuration points elsewhere. An identifier, once
// given, is trusted over the kubeconfig, which changes with every renewed certificate.
func anotherCluster(olds, news property.Map) ([]string, error) {
	oldID, newID := property.String(olds, "clusterIdentifier"), property.String(news, "clusterIdentifier")
	newServer, err := activeCluster(news)
	if err != nil {
		return nil, unknownf("failed to parse kubeconfig: %v", err)
	}
	if oldID != "" || newID != "" {
		if oldID != "" && oldID != newID {
			return []string{"clusterIdentifier"}, nil
		}
		return nil, nil
	}
	oldServer, err := activeCluster(olds)
	if err != nil || oldServer == newServer {
		return nil, nil //nolint:nilerr // an unreadable old configuration cannot be compared
	}
	return []string{"kubeconfig"}, nil
}

// Configure reads the options and starts looking for the cluster. It never fails for an unreachable
// one: previews and diffs work without.
func (p *Provider) Configure(_ context.Context, req *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	const prefix = "kubernetes:config:"
	variables := property.Map{}
	for key, value := range req.GetVariables() {
		if name, ours := strings.CutPrefix(key, prefix); ours {
			variables[name] = value
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.options = readOptions(variables)
	p.cluster = connect(p.options)
	return &pulumirpc.ConfigureResponse{
		AcceptSecrets: true, SupportsPreview: true, SupportsAutonamingConfiguration: true,
	}, nil
}

func (p *Provider) current() (options, *cluster) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.options, p.cluster
}

// Invoke refuses every function: none is needed where charts are releases and manifests are objects.
func (p *Provider) Invoke(_ context.Context, req *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	return nil, unknownf("unknown Invoke type %q", req.GetTok())
}

// Construct names the component that is not there.
func (p *Provider) Construct(_ context.Context, req *pulumirpc.ConstructRequest) (*pulumirpc.ConstructResponse, error) {
	return nil, host.Unsupported(pluginName, "the component type "+req.GetType())
}

func unknownf(format string, args ...any) error {
	return status.Error(codes.Unknown, fmt.Sprintf(format, args...))
}

func typeAndName(urn string) (token, name string) { return bridged.SplitURN(urn) }

// decodeNested reads an object option, which the engine hands over as JSON text.
func decodeNested(text string) property.Map {
	out := property.Map{}
	if json.Unmarshal([]byte(text), &out) != nil {
		return property.Map{}
	}
	return out
}
