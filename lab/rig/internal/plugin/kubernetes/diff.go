package kubernetes

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"plinth.dev/lab/rig/internal/plugin/property"
)

// Diff compares what was asked for with what is asked for now. No API call is made, so it works while
// the cluster is away.
func (p *Provider) Diff(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	token, _ := typeAndName(req.GetUrn())
	if token == releaseToken {
		return p.diffRelease(req)
	}
	gvk, err := kindOf(token)
	if err != nil {
		return nil, err
	}
	o, _ := p.current()
	olds, news := o.before(req), asWritten(property.FromStruct(req.GetNews()))
	response := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE, HasDetailedDiff: true}
	changes := property.Changes(olds, news)
	if len(changes) == 0 {
		return response, nil
	}
	response.Changes = pulumirpc.DiffResponse_DIFF_SOME
	response.DetailedDiff = map[string]*pulumirpc.PropertyDiff{}
	immutable := o.immutable(gvk, olds)
	for _, change := range changes {
		replaces := immutable.covers(change.Path)
		response.DetailedDiff[change.Path] = change.Wire(replaces)
		if replaces {
			response.Replaces = append(response.Replaces, change.Path)
		}
	}
	response.DeleteBeforeReplace = len(response.Replaces) > 0 && keepsGivenName(olds, news)
	return response, nil
}

// before is what there was at the places the program asked for: with server-side apply that of the live
// object, so that another's change shows; else what was asked for last.
func (o options) before(req *pulumirpc.DiffRequest) property.Map {
	olds := property.FromStruct(req.GetOlds())
	inputs := property.Object(olds, hiddenInputs)
	if len(inputs) == 0 {
		return asWritten(property.FromStruct(req.GetOldInputs()))
	}
	inputs = asWritten(inputs)
	delete(property.MapOf(inputs["metadata"]), "resourceVersion")
	if !o.serverSideApply {
		return inputs
	}
	return drifted(inputs, asWritten(olds))
}

// keepsGivenName tells whether old and new object would collide: then the old one must go first.
func keepsGivenName(olds, news property.Map) bool {
	before, after := property.Object(olds, "metadata"), property.Object(news, "metadata")
	if property.String(property.Object(after, "annotations"), annotationAutonamed) == "true" {
		return false
	}
	return property.Equal(before["name"], after["name"]) && property.Equal(before["namespace"], after["namespace"])
}

// paths are the parts of an object that the API server never changes in place.
type paths []string

func (p paths) covers(path string) bool {
	for _, prefix := range p {
		rest, ok := strings.CutPrefix(path, prefix)
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

var immutableByKind = map[string]paths{
	"Pod":                                   {"spec"},
	"Service":                               {"spec.clusterIP", "spec.type"},
	"Secret":                                {"type"},
	"PersistentVolumeClaim":                 {"spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName"},
	"Deployment.apps":                       {"spec.selector"},
	"DaemonSet.apps":                        {"spec.selector"},
	"ReplicaSet.apps":                       {"spec.selector"},
	"StatefulSet.apps":                      {"spec.podManagementPolicy", "spec.selector", "spec.serviceName", "spec.volumeClaimTemplates"},
	"Job.batch":                             {"spec.completions", "spec.selector", "spec.template"},
	"RoleBinding.rbac.authorization.k8s.io": {"roleRef"},
	"ClusterRoleBinding.rbac.authorization.k8s.io": {"roleRef"},
	"StorageClass.storage.k8s.io":                  {"parameters", "provisioner"},
	"PriorityClass.scheduling.k8s.io":              {"value"},
}

func (o options) immutable(gvk schema.GroupVersionKind, olds property.Map) paths {
	all := paths{"metadata.name", "metadata.namespace"}
	all = append(all, immutableByKind[gvk.GroupKind().String()]...)
	frozen := property.Bool(olds, "immutable")
	if gvk.Group == "" && gvk.Kind == "ConfigMap" && (!o.configMapMutable || frozen) {
		all = append(all, "data", "binaryData")
	}
	if gvk.Group == "" && gvk.Kind == "Secret" && (!o.secretMutable || frozen) {
		all = append(all, "data", "stringData")
	}
	return all
}
