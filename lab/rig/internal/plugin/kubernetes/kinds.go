package kubernetes

import (
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"

	"plinth.dev/lab/rig/internal/plugin/host"
)

const releaseToken = "kubernetes:helm.sh/v3:Release"

// kindOf turns a resource type into a Kubernetes kind: kubernetes:<group>/<version>:<Kind>, where the
// core group is written "core". A kind of a built-in group that the API does not have is refused.
func kindOf(token string) (schema.GroupVersionKind, error) {
	parts := strings.Split(token, ":")
	if len(parts) != 3 || parts[0] != pluginName {
		return schema.GroupVersionKind{}, host.Unsupported(pluginName, "the resource type "+token)
	}
	group, version, ok := strings.Cut(parts[1], "/")
	if !ok || parts[2] == "" {
		return schema.GroupVersionKind{}, host.Unsupported(pluginName, "the resource type "+token)
	}
	if group == "core" {
		group = ""
	}
	gvk := schema.GroupVersionKind{Group: group, Version: version, Kind: parts[2]}
	if group == "helm.sh" || strings.HasSuffix(gvk.Kind, "List") || !plausible(gvk) {
		return gvk, host.Unsupported(pluginName, "the resource type "+token)
	}
	return gvk, nil
}

func plausible(gvk schema.GroupVersionKind) bool {
	if strings.HasSuffix(gvk.Kind, "Patch") {
		return false
	}
	switch gvk.Group {
	case apiextensions.GroupName:
		return gvk.Kind == "CustomResourceDefinition"
	case "apiregistration.k8s.io":
		return gvk.Kind == "APIService"
	}
	if !scheme.Scheme.IsGroupRegistered(gvk.Group) {
		return strings.Contains(gvk.Group, ".") // a custom resource's group is a domain name
	}
	return scheme.Scheme.Recognizes(gvk)
}

// builtIn tells kinds whose Go type is known from custom resources.
func builtIn(gvk schema.GroupVersionKind) bool { return scheme.Scheme.Recognizes(gvk) }
