package kubernetes

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime/schema"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"plinth.dev/lab/rig/internal/plugin/property"
)

// Check completes a program's inputs: name, namespace, encoded secret texts. It leaves the object's
// content to the API server, which knows the schema.
func (p *Provider) Check(ctx context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	token, name := typeAndName(req.GetUrn())
	if token == releaseToken {
		return p.checkRelease(ctx, req)
	}
	gvk, err := kindOf(token)
	if err != nil {
		return nil, err
	}
	o, cluster := p.current()
	unreachable := cluster.reachable(ctx)
	if unreachable != nil && o.skipUpdateUnreachable {
		return &pulumirpc.CheckResponse{Inputs: req.GetOlds()}, nil
	}
	olds, news := property.FromStruct(req.GetOlds()), property.FromStruct(req.GetNews())
	metadata := property.Copy(property.MapOf(news["metadata"]))
	if metadata["generateName"] != nil && metadata["name"] == nil && o.serverSideApply {
		return nil, unknownf("the `.metadata.generateName` field is not supported in Server-Side Apply mode")
	}
	if metadata["name"] == nil && metadata["generateName"] == nil {
		if failure := autoname(metadata, property.MapOf(olds["metadata"]), name, req); failure != nil {
			return &pulumirpc.CheckResponse{Failures: []*pulumirpc.CheckFailure{failure}}, nil
		}
	}
	if unreachable == nil && metadata["namespace"] == nil && namespaced(cluster, gvk) {
		metadata["namespace"] = o.namespace
	}
	if !o.serverSideApply && len(olds) == 0 || isManaged(olds) {
		labelManaged(metadata)
	}
	if len(metadata) > 0 {
		news["metadata"] = metadata
	}
	if gvk.Kind == "Secret" && gvk.Group == "" {
		encodeStringData(news)
	}
	if builtIn(gvk) {
		canonicalQuantities(news)
	}
	response := &pulumirpc.CheckResponse{Inputs: property.ToStruct(news)}
	if gvk.Kind == "Job" && annotated(toObject(news), annotationReplace) {
		response.Failures = append(response.Failures, &pulumirpc.CheckFailure{
			Property: "metadata.annotations", Reason: "the kubernetes stand-in does not implement " + annotationReplace + " on a Job"})
	}
	for _, key := range unknownAnnotations(toObject(news).GetAnnotations()) {
		response.Failures = append(response.Failures, &pulumirpc.CheckFailure{
			Property: "metadata.annotations", Reason: fmt.Sprintf("the kubernetes stand-in knows no annotation %q", key)})
	}
	return response, nil
}

func namespaced(c *cluster, gvk schema.GroupVersionKind) bool {
	mapping, err := c.mapping(gvk)
	return err == nil && mapping.Scope.Name() == meta.RESTScopeNameNamespace
}

// autoname gives an object a name, the same as before if it got one before. The name comes from the
// engine's seed, so that a repeated Check of one step agrees with itself.
func autoname(metadata, old property.Map, name string, req *pulumirpc.CheckRequest) *pulumirpc.CheckFailure {
	annotations := property.Copy(property.MapOf(metadata["annotations"]))
	oldName := property.String(old, "name")
	switch naming := req.GetAutonaming(); {
	case oldName != "" && property.String(property.MapOf(old["annotations"]), annotationAutonamed) == "true":
		metadata["name"] = oldName
	case naming.GetMode() == pulumirpc.CheckRequest_AutonamingOptions_DISABLE && naming != nil:
		return &pulumirpc.CheckFailure{Property: "metadata.name",
			Reason: "autonaming is disabled, so give the object a name: set metadata.name"}
	case naming.GetProposedName() != "":
		metadata["name"] = naming.GetProposedName()
	default:
		digest := sha256.Sum256(req.GetRandomSeed())
		metadata["name"] = name + "-" + hex.EncodeToString(digest[:4])
		if len(req.GetRandomSeed()) == 0 {
			metadata["name"] = name + "-" + randomHex()
		}
	}
	annotations[annotationAutonamed] = "true"
	metadata["annotations"] = annotations
	return nil
}

// managedLabel marks objects made without server-side apply, which leaves no other trace of its owner.
const managedLabel = "app.kubernetes.io/managed-by"

func isManaged(olds property.Map) bool {
	return property.String(property.MapOf(property.MapOf(olds["metadata"])["labels"]), managedLabel) == "pulumi"
}

func labelManaged(metadata property.Map) {
	labels := property.Copy(property.MapOf(metadata["labels"]))
	labels[managedLabel] = "pulumi"
	metadata["labels"] = labels
}

// encodeStringData does what the API server would do, so that inputs and live object can be compared.
func encodeStringData(news property.Map) {
	texts, present := property.Plain(news["stringData"]).(property.Map)
	if !present || property.HasUnknown(texts) {
		return
	}
	data := property.Object(news, "data")
	for key, text := range texts {
		if text, ok := text.(string); ok {
			data[key] = base64.StdEncoding.EncodeToString([]byte(text))
		}
	}
	delete(news, "stringData")
	news["data"] = property.Secret{Value: data}
}

// canonicalQuantities writes amounts the way the API server stores them ("1000m" is "1"), so that they
// do not look changed after a refresh.
func canonicalQuantities(value any) {
	switch v := value.(type) {
	case property.Map:
		if resources, ok := v["resources"].(property.Map); ok {
			for _, key := range []string{"limits", "requests"} {
				if amounts, ok := resources[key].(property.Map); ok {
					resources[key] = canonical(amounts)
				}
			}
		}
		for _, item := range v {
			canonicalQuantities(item)
		}
	case []any:
		for _, item := range v {
			canonicalQuantities(item)
		}
	}
}

func canonical(amounts property.Map) property.Map {
	out := property.Copy(amounts)
	for key, amount := range amounts {
		text, ok := amount.(string)
		if !ok {
			continue
		}
		if quantity, err := resource.ParseQuantity(text); err == nil {
			out[key] = quantity.String()
		}
	}
	return out
}
