package kubernetes

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"plinth.dev/lab/rig/internal/plugin/host"
	"plinth.dev/lab/rig/internal/plugin/property"
)

const deletionLimit = 10 * time.Minute

// Delete removes an object and waits until it is gone.
func (p *Provider) Delete(ctx context.Context, req *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	token, _ := typeAndName(req.GetUrn())
	if token == releaseToken {
		return p.deleteRelease(ctx, req)
	}
	gvk, err := kindOf(token)
	if err != nil {
		return nil, err
	}
	o, cluster := p.current()
	ctx, done := p.Bound(ctx)
	defer done()
	if cluster.reachable(ctx) != nil {
		if o.deleteUnreachable {
			return &emptypb.Empty{}, nil
		}
		return nil, unknownf("configured Kubernetes cluster is unreachable. %s", forgetHelp)
	}
	namespace, name := splitIdentity(req.GetId())
	client, err := cluster.client(gvk, namespace)
	if meta.IsNoMatchError(err) {
		return &emptypb.Empty{}, nil
	}
	if err != nil {
		return nil, unknownf("deleting %q: %v", req.GetId(), err)
	}
	olds := property.FromStruct(req.GetProperties())
	old := toObject(olds)
	policy := metav1.DeletePropagationForeground
	if wanted := old.GetAnnotations()[annotationPropagation]; wanted != "" {
		policy = metav1.DeletionPropagation(wanted)
	}
	err = client.Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &policy})
	if apierrors.IsNotFound(err) || err == nil && annotated(old, annotationSkipAwait) {
		return &emptypb.Empty{}, nil
	}
	if err != nil {
		return nil, unknownf("deleting %q: %v", req.GetId(), err)
	}
	if last, gone := awaitGone(ctx, client, old, name, req.GetTimeout()); !gone {
		return nil, stillThere(req, olds, last)
	}
	return &emptypb.Empty{}, nil
}

// awaitGone waits until an object is gone, or another one has its name. Otherwise it returns the object
// as last seen.
func awaitGone(ctx context.Context, client dynamic.ResourceInterface, old *unstructured.Unstructured, name string, requested float64) (last *unstructured.Unstructured, gone bool) {
	gone = poll(ctx, waitLimit(old, requested, deletionLimit), func(ctx context.Context) bool {
		live, err := client.Get(ctx, name, metav1.GetOptions{})
		if err == nil {
			last = live
		}
		return apierrors.IsNotFound(err) || err == nil && old.GetUID() != "" && live.GetUID() != old.GetUID()
	})
	return last, gone
}

// stillThere keeps an object in the state that something holds back, with what it is now.
func stillThere(req *pulumirpc.DeleteRequest, olds property.Map, last *unstructured.Unstructured) error {
	const message = "timed out waiting for the condition"
	state := olds
	if last != nil {
		inputs := property.MapOf(olds[hiddenInputs])
		if len(inputs) == 0 {
			inputs = property.FromStruct(req.GetOldInputs())
		}
		state = outputs(last, inputs, property.String(olds, hiddenManager), property.String(olds, hiddenAPIVersion))
	}
	return host.InitFailed(req.GetId(), state, nil, message, []string{message})
}
