package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/util/csaupgrade"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"plinth.dev/lab/rig/internal/plugin/host"
	"plinth.dev/lab/rig/internal/plugin/property"
)

// Update changes an object in place and waits for it; a preview asks for a dry run.
func (p *Provider) Update(ctx context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	token, _ := typeAndName(req.GetUrn())
	if token == releaseToken {
		return p.updateRelease(ctx, req)
	}
	if _, err := kindOf(token); err != nil {
		return nil, err
	}
	o, cluster := p.current()
	ctx, done := p.Bound(ctx)
	defer done()
	olds, news := property.FromStruct(req.GetOlds()), property.FromStruct(req.GetNews())
	echo := &pulumirpc.UpdateResponse{Properties: req.GetNews()}
	unreachable := cluster.reachable(ctx)
	if req.GetPreview() && (unreachable != nil || property.HasUnknown(news)) {
		return echo, nil
	}
	if unreachable != nil {
		return nil, unknownf("configured Kubernetes cluster is unreachable: %v", unreachable)
	}
	object := toObject(news)
	if object.GetName() == "" { // the API server chose the name
		_, name := splitIdentity(req.GetId())
		object.SetName(name)
	}
	client, err := cluster.clientFor(object)
	if meta.IsNoMatchError(err) && req.GetPreview() {
		return echo, nil
	}
	var live *unstructured.Unstructured
	if err == nil {
		live, err = client.Get(ctx, object.GetName(), metav1.GetOptions{})
	}
	if err != nil {
		return nil, unknownf("update of resource %q failed: %v\nunable to get cluster state: %v", req.GetUrn(), err, err)
	}
	u := &update{
		options: o, client: client, object: object, live: live, preview: req.GetPreview(),
		before: toObject(property.Object(olds, hiddenInputs)), manager: o.manager(olds, object),
	}
	state := func() property.Map {
		return outputs(u.live, news, u.manager, property.String(olds, hiddenAPIVersion))
	}
	if err := u.run(ctx); err != nil {
		return nil, host.InitFailed(req.GetId(), state(), nil, u.failed(err), []string{u.failed(err)})
	}
	if u.preview {
		return &pulumirpc.UpdateResponse{Properties: property.ToStruct(state())}, nil
	}
	fresh, failure := awaitReady(ctx, cluster, u.live, req.GetTimeout())
	u.live = fresh
	if failure != nil {
		message := u.prefix() + failure.message
		return nil, host.InitFailed(req.GetId(), state(), nil, message, append([]string{message}, failure.reasons...))
	}
	return &pulumirpc.UpdateResponse{Properties: property.ToStruct(state())}, nil
}

// manager is who applied the object so far.
func (o options) manager(olds property.Map, object *unstructured.Unstructured) string {
	if own := object.GetAnnotations()[annotationFieldManager]; own != "" {
		return own
	}
	if !o.serverSideApply {
		return clientManager
	}
	if known := property.String(olds, hiddenManager); known != "" {
		return known
	}
	return o.newManager(object)
}

type update struct {
	options
	client       dynamic.ResourceInterface
	before       *unstructured.Unstructured // what was asked for last time
	object, live *unstructured.Unstructured
	manager      string
	preview      bool
}

func (u *update) prefix() string {
	return fmt.Sprintf("the Kubernetes API server reported that %q failed to fully initialize or become live: ", identity(u.object))
}

func (u *update) failed(err error) string { return u.prefix() + plainMessage(err, u.manager) }

const conflictHelp = "server-side apply field conflict detected, see https://www.pulumi.com/registry/packages/kubernetes/" +
	"how-to-guides/managing-resources-with-server-side-apply/#handle-field-conflicts-on-existing-resources for troubleshooting help\n" +
	"The resource managed by field manager %q had an apply conflict: %v"

func plainMessage(err error, manager string) string {
	if apierrors.IsConflict(err) {
		return fmt.Sprintf(conflictHelp, manager, err)
	}
	return err.Error()
}

func (u *update) run(ctx context.Context) error {
	updated, err := u.send(ctx)
	if err == nil {
		u.live = updated
	}
	return err
}

func (u *update) send(ctx context.Context) (*unstructured.Unstructured, error) {
	if !u.serverSideApply {
		return u.patch(ctx)
	}
	options := metav1.ApplyOptions{FieldManager: u.manager, Force: force(u.options, u.object)}
	handover, err := u.handover()
	if err != nil {
		return nil, err
	}
	switch {
	case u.preview:
		options.DryRun = []string{metav1.DryRunAll}
		// The fields still belong to the POST that made the object; the real run hands them over first.
		options.Force = options.Force || handover != nil
	case handover != nil:
		if _, err := u.client.Patch(ctx, u.object.GetName(), types.JSONPatchType, handover, metav1.PatchOptions{FieldManager: u.manager}); err != nil {
			return nil, err
		}
	}
	return u.client.Apply(ctx, u.object.GetName(), u.object, options)
}

// handover is the patch that gives what this plugin, or a person with kubectl, wrote without server-side
// apply to the manager that applies from now on; nil when nothing is left to give.
func (u *update) handover() ([]byte, error) {
	givers := sets.New[string]()
	for _, entry := range u.live.GetManagedFields() {
		byHand := entry.Manager == clientManager || strings.HasPrefix(entry.Manager, "kubectl-")
		if byHand && entry.Operation == metav1.ManagedFieldsOperationUpdate && entry.Subresource == "" && entry.Manager != u.manager {
			givers.Insert(entry.Manager)
		}
	}
	if len(givers) == 0 {
		return nil, nil
	}
	return csaupgrade.UpgradeManagedFieldsPatch(u.live, givers, u.manager)
}

// patch is the way without server-side apply: the difference between what was asked for before and
// what is asked for now, laid over the live object.
func (u *update) patch(ctx context.Context) (*unstructured.Unstructured, error) {
	before, err := json.Marshal(u.before.Object)
	if err != nil {
		return nil, err
	}
	wanted, err := json.Marshal(u.object.Object)
	if err != nil {
		return nil, err
	}
	live, err := json.Marshal(u.live.Object)
	if err != nil {
		return nil, err
	}
	options := metav1.PatchOptions{FieldManager: u.manager}
	if u.preview {
		options.DryRun = []string{metav1.DryRunAll}
	}
	typed, err := scheme.Scheme.New(u.object.GroupVersionKind())
	if err != nil { // a custom resource has no merge keys
		merge, err := jsonmergepatch.CreateThreeWayJSONMergePatch(before, wanted, live)
		if err != nil {
			return nil, err
		}
		return u.client.Patch(ctx, u.object.GetName(), types.MergePatchType, merge, options)
	}
	keys, err := strategicpatch.NewPatchMetaFromStruct(typed)
	if err != nil {
		return nil, err
	}
	strategic, err := strategicpatch.CreateThreeWayMergePatch(before, wanted, live, keys, true)
	if err != nil {
		return nil, err
	}
	return u.client.Patch(ctx, u.object.GetName(), types.StrategicMergePatchType, strategic, options)
}
