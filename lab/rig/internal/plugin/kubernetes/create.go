package kubernetes

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"plinth.dev/lab/rig/internal/plugin/host"
	"plinth.dev/lab/rig/internal/plugin/property"
)

// creationPauses spread the attempts while a namespace or a definition is missing: someone else may be
// about to create it. They add up to 63 seconds.
var creationPauses = []time.Duration{
	time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second,
}

// Create makes an object and waits for it to be ready; a preview asks the API server for a dry run.
func (p *Provider) Create(ctx context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	token, _ := typeAndName(req.GetUrn())
	if token == releaseToken {
		return p.createRelease(ctx, req)
	}
	if _, err := kindOf(token); err != nil {
		return nil, err
	}
	o, cluster := p.current()
	ctx, done := p.Bound(ctx)
	defer done()
	inputs := property.FromStruct(req.GetProperties())
	unreachable := cluster.reachable(ctx)
	if req.GetPreview() {
		if unreachable != nil || !o.serverSideApply || property.HasUnknown(inputs) {
			return &pulumirpc.CreateResponse{Properties: req.GetProperties()}, nil
		}
		return previewCreate(ctx, o, cluster, req, inputs)
	}
	if unreachable != nil {
		return nil, unknownf("configured Kubernetes cluster is unreachable: %v", unreachable)
	}
	object := toObject(inputs)
	manager := o.newManager(object)
	live, err := createObject(ctx, o, cluster, object, manager)
	if err != nil {
		return nil, creationError(req.GetUrn(), object, err)
	}
	live, failure := awaitReady(ctx, cluster, live, req.GetTimeout())
	id, state := identity(live), outputs(live, inputs, manager, object.GetAPIVersion())
	if failure != nil {
		message := fmt.Sprintf("resource %q was successfully created, but the Kubernetes API server "+
			"reported that it failed to fully initialize or become live: %s", req.GetUrn(), failure.message)
		return nil, host.InitFailed(id, state, nil, message, append([]string{message}, failure.reasons...))
	}
	return &pulumirpc.CreateResponse{Id: id, Properties: property.ToStruct(state)}, nil
}

// previewCreate shows what the API server would store. What cannot be known yet (the namespace or the
// definition comes with the same program) or will be handled later (the object exists) is no error.
func previewCreate(ctx context.Context, o options, c *cluster, req *pulumirpc.CreateRequest, inputs property.Map) (*pulumirpc.CreateResponse, error) {
	object := toObject(inputs)
	echo := &pulumirpc.CreateResponse{Properties: req.GetProperties()}
	client, err := c.clientFor(object)
	if meta.IsNoMatchError(err) {
		return echo, nil
	}
	if err != nil {
		return nil, creationError(req.GetUrn(), object, err)
	}
	live, err := client.Create(ctx, object, metav1.CreateOptions{FieldManager: clientManager, DryRun: []string{metav1.DryRunAll}})
	switch {
	case apierrors.IsNotFound(err), apierrors.IsAlreadyExists(err), apierrors.IsForbidden(err) && namespaceEnding(err):
		return echo, nil
	case err != nil:
		return nil, creationError(req.GetUrn(), object, err)
	}
	delete(live.Object, "status") // a dry run knows no controller's answer
	return &pulumirpc.CreateResponse{
		Properties: property.ToStruct(outputs(live, inputs, o.newManager(object), object.GetAPIVersion())),
	}, nil
}

func namespaceEnding(err error) bool {
	return apierrors.HasStatusCause(err, "NamespaceTerminating")
}

func createObject(ctx context.Context, o options, c *cluster, object *unstructured.Unstructured, manager string) (*unstructured.Unstructured, error) {
	for attempt := 0; ; attempt++ {
		live, err := postOrApply(ctx, o, c, object, manager)
		if err == nil || !(apierrors.IsNotFound(err) || meta.IsNoMatchError(err)) || attempt == len(creationPauses) {
			return live, err
		}
		if !pause(ctx, creationPauses[attempt]) {
			return nil, err
		}
	}
}

func postOrApply(ctx context.Context, o options, c *cluster, object *unstructured.Unstructured, manager string) (*unstructured.Unstructured, error) {
	client, err := c.clientFor(object)
	if err != nil {
		return nil, err
	}
	if o.upsert && o.serverSideApply {
		return client.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: manager, Force: force(o, object)})
	}
	return client.Create(ctx, object, metav1.CreateOptions{FieldManager: clientManager})
}

func force(o options, object *unstructured.Unstructured) bool {
	return o.patchForce || annotated(object, annotationForce)
}

const alreadyExistsHelp = `

The resource already exists in the cluster. This can happen when:

  - Renaming a Pulumi resource: use an alias to preserve the identity,
    or use deleteBeforeReplace if the resource needs replacement.
  - Managing an existing resource: use a Patch resource (e.g. NamespacePatch)
    to manage specific fields without owning the resource lifecycle.
  - Adopting a resource into Pulumi: use ` + "`pulumi import`" + `. Note that
    protected resources (e.g. kube-system) cannot be deleted on destroy.
  - Intentional upsert: set upsertExistingObjects on the provider to allow
    server-side apply to update existing objects on create.`

func creationError(urn string, object *unstructured.Unstructured, err error) error {
	switch {
	case meta.IsNoMatchError(err):
		return unknownf("creation of resource %q with kind %s/%s failed because the Kubernetes API server reported that "+
			"the apiVersion for this resource does not exist. Verify that any required CRDs have been created: %v",
			urn, object.GetAPIVersion(), object.GetKind(), err)
	case apierrors.IsAlreadyExists(err):
		return unknownf("resource %q was not successfully created by the Kubernetes API server: %v%s", urn, err, alreadyExistsHelp)
	default:
		return unknownf("resource %q was not successfully created by the Kubernetes API server: %v", urn, err)
	}
}

// pause sleeps unless the operation ends first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
