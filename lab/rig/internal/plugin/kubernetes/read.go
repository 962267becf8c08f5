package kubernetes

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"plinth.dev/lab/rig/internal/plugin/host"
	"plinth.dev/lab/rig/internal/plugin/property"
)

const forgetHelp = "If the cluster was deleted, you can remove this resource from Pulumi state by rerunning the operation with " +
	"the PULUMI_K8S_DELETE_UNREACHABLE environment variable set to \"true\""

// Read looks the object up again, for a refresh, an import or a get.
func (p *Provider) Read(ctx context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	token, _ := typeAndName(req.GetUrn())
	if token == releaseToken {
		return p.readRelease(ctx, req)
	}
	gvk, err := kindOf(token)
	if err != nil {
		return nil, err
	}
	o, cluster := p.current()
	ctx, done := p.Bound(ctx)
	defer done()
	if cluster.reachable(ctx) != nil {
		switch {
		case o.deleteUnreachable:
			return &pulumirpc.ReadResponse{}, nil
		case o.skipUpdateUnreachable:
			return &pulumirpc.ReadResponse{Id: req.GetId(), Properties: req.GetProperties(), Inputs: req.GetInputs()}, nil
		default:
			return nil, unknownf("failed to read resource state due to unreachable cluster. %s", forgetHelp)
		}
	}
	namespace, name := splitIdentity(req.GetId())
	client, err := cluster.client(gvk, namespace)
	if meta.IsNoMatchError(err) || err == nil && namespace == "" && namespaced(cluster, gvk) {
		return &pulumirpc.ReadResponse{}, nil
	}
	var live *unstructured.Unstructured
	if err == nil {
		live, err = client.Get(ctx, name, metav1.GetOptions{})
	}
	if apierrors.IsNotFound(err) {
		return &pulumirpc.ReadResponse{}, nil
	}
	if err != nil {
		return nil, unknownf("reading %s %q: %v", gvk.Kind, req.GetId(), err)
	}
	return p.readLive(ctx, o, cluster, req, live)
}

func (p *Provider) readLive(ctx context.Context, o options, c *cluster, req *pulumirpc.ReadRequest, live *unstructured.Unstructured) (*pulumirpc.ReadResponse, error) {
	olds, inputs := property.FromStruct(req.GetProperties()), property.FromStruct(req.GetInputs())
	manager, apiVersion := property.String(olds, hiddenManager), property.String(olds, hiddenAPIVersion)
	if len(olds) == 0 && len(inputs) == 0 {
		inputs, manager, apiVersion = imported(live), o.newManager(live), live.GetAPIVersion()
	} else {
		inputs, manager = drifted(inputs, fromObject(live)), o.manager(olds, live)
	}
	state := outputs(live, inputs, manager, apiVersion)
	if live.GetKind() == "Secret" {
		inputs, _ = state[hiddenInputs].(property.Map)
	}
	if !annotated(live, annotationSkipAwait) {
		if reasons, bad := unready(ctx, c, live); bad {
			text := fmt.Sprintf("Resource '%s' was created but failed to initialize", live.GetName())
			return nil, host.InitFailed(identity(live), state, inputs, text, append([]string{text}, reasons...))
		}
	}
	return &pulumirpc.ReadResponse{Id: identity(live), Properties: property.ToStruct(state), Inputs: property.ToStruct(inputs)}, nil
}

// imported is a live object as a program would have written it: without what only the server sets.
func imported(live *unstructured.Unstructured) property.Map {
	inputs := fromObject(live.DeepCopy())
	delete(inputs, "status")
	metadata := property.MapOf(inputs["metadata"])
	for _, key := range []string{"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"} {
		delete(metadata, key)
	}
	return inputs
}

// drifted is what was asked for, with the values the live object has at the same places.
func drifted(inputs, live property.Map) property.Map {
	out := property.Map{}
	for key, value := range inputs {
		if now, present := live[key]; present {
			out[key] = driftedValue(value, now)
		} else if isZero(property.Plain(value)) {
			out[key] = value // the API server does not store what means nothing
		}
	}
	return out
}

func isZero(value any) bool {
	switch v := value.(type) {
	case property.Map:
		return len(v) == 0
	case []any:
		return len(v) == 0
	default:
		return v == nil || v == false || v == 0.0 || v == ""
	}
}

func driftedValue(input, live any) any {
	switch in := input.(type) {
	case property.Secret:
		return property.Secret{Value: driftedValue(in.Value, live)}
	case property.Map:
		if object, ok := live.(property.Map); ok {
			return drifted(in, object)
		}
	case []any:
		list, ok := live.([]any)
		if !ok {
			return live
		}
		out := make([]any, 0, len(list))
		for i := range min(len(in), len(list)) {
			out = append(out, driftedValue(in[i], list[i]))
		}
		return out
	}
	return live
}
