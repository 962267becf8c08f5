package kubernetes

import (
	"crypto/rand"
	"encoding/hex"
	"math"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plinth.dev/lab/rig/internal/plugin/property"
)

// Hidden outputs, and the field managers known to the API server.
const (
	hiddenManager    = "__fieldManager"
	hiddenAPIVersion = "__initialApiVersion"
	hiddenInputs     = "__inputs"

	clientManager = "pulumi-kubernetes" // owns what was created or updated without server-side apply
)

// toObject makes an API object of inputs or outputs, hidden outputs and secrecy dropped.
func toObject(m property.Map) *unstructured.Unstructured {
	content := property.Map{}
	for key, value := range property.PlainMap(m) {
		if !strings.HasPrefix(key, "__") {
			content[key] = toJSON(value)
		}
	}
	if content["kind"] == "CustomResourceDefinition" {
		renameExtensions(content, "x_kubernetes_", "_", "-")
	}
	return &unstructured.Unstructured{Object: content}
}

// asWritten are plain inputs, with the API's own spelling of schema extensions.
func asWritten(inputs property.Map) property.Map {
	return fromObject(toObject(inputs))
}

// toJSON makes whole numbers integers: the wire has only floating point, the API distinguishes.
func toJSON(value any) any {
	switch v := value.(type) {
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v)
		}
		return v
	case property.Map:
		out := make(property.Map, len(v))
		for key, item := range v {
			out[key] = toJSON(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = toJSON(item)
		}
		return out
	default:
		return value
	}
}

// fromJSON is the way back.
func fromJSON(value any) any {
	switch v := value.(type) {
	case int64:
		return float64(v)
	case property.Map:
		out := make(property.Map, len(v))
		for key, item := range v {
			out[key] = fromJSON(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = fromJSON(item)
		}
		return out
	default:
		return value
	}
}

func fromObject(object *unstructured.Unstructured) property.Map {
	m, _ := fromJSON(object.Object).(property.Map)
	return m
}

// outputs is the state the engine keeps: the live object, what was asked for, and who applied it.
func outputs(live *unstructured.Unstructured, inputs property.Map, manager, apiVersion string) property.Map {
	out := fromObject(live)
	copySecrets(out, inputs)
	if live.GetKind() == "CustomResourceDefinition" {
		inputs = property.PlainMap(inputs) // a definition holds no secrets, and the request's own stay as they are
		renameExtensions(inputs, "x-kubernetes-", "-", "_")
		renameExtensions(out, "x-kubernetes-", "-", "_")
	}
	if live.GetKind() == "Secret" && live.GetAPIVersion() == "v1" {
		inputs = property.Copy(inputs)
		for _, key := range []string{"data", "stringData"} {
			hide(out, key)
			hide(inputs, key)
		}
	}
	out[hiddenInputs] = inputs
	out[hiddenManager] = manager
	out[hiddenAPIVersion] = apiVersion
	return out
}

// renameExtensions spells schema extensions ("x-kubernetes-…") with the other separator, in place: a
// program's library has names without dashes.
func renameExtensions(value any, prefix, from, to string) {
	switch v := value.(type) {
	case property.Map:
		for key, item := range v {
			renameExtensions(item, prefix, from, to)
			if strings.HasPrefix(key, prefix) {
				delete(v, key)
				v[strings.ReplaceAll(key, from, to)] = item
			}
		}
	case []any:
		for _, item := range v {
			renameExtensions(item, prefix, from, to)
		}
	}
}

func hide(m property.Map, key string) {
	if value, present := m[key]; present {
		m[key] = property.Secret{Value: property.Plain(value)}
	}
}

// copySecrets marks in out what is secret in in. Lists of another length are marked whole.
func copySecrets(out, in property.Map) {
	for key, value := range in {
		if live, present := out[key]; present {
			out[key] = marked(live, value)
		}
	}
}

func marked(live, input any) any {
	switch in := input.(type) {
	case property.Secret:
		return property.Secret{Value: property.Plain(live)}
	case property.Map:
		if object, ok := live.(property.Map); ok {
			copySecrets(object, in)
		}
	case []any:
		list, ok := live.([]any)
		if !ok || len(list) != len(in) {
			if property.HasSecret(in) {
				return property.Secret{Value: property.Plain(live)}
			}
			return live
		}
		for i := range list {
			list[i] = marked(list[i], in[i])
		}
	}
	return live
}

// identity is the id of an object: "namespace/name", or "name" without a namespace.
func identity(object *unstructured.Unstructured) string {
	if object.GetNamespace() == "" {
		return object.GetName()
	}
	return object.GetNamespace() + "/" + object.GetName()
}

func splitIdentity(id string) (namespace, name string) {
	if namespace, name, found := strings.Cut(id, "/"); found {
		return namespace, name
	}
	return "", id
}

// newManager names who will own an object's fields. It differs by resource, so that two resources of
// one stack that write the same object notice each other.
func (o options) newManager(object *unstructured.Unstructured) string {
	if own := object.GetAnnotations()[annotationFieldManager]; own != "" {
		return own
	}
	if !o.serverSideApply {
		return clientManager
	}
	return clientManager + "-" + randomHex()
}

func randomHex() string {
	raw := make([]byte, 4)
	_, _ = rand.Read(raw) // never fails since Go 1.24
	return hex.EncodeToString(raw)
}
