package workload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
)

const yamlBuffer = 4096

// CreateMissing makes the objects of a YAML text that are not there yet.
func (r *Runtime) CreateMissing(ctx context.Context, text []byte) error {
	groups, err := restmapper.GetAPIGroupResources(r.admin.Discovery())
	if err != nil {
		return err
	}

	client, err := dynamic.NewForConfig(r.config)
	if err != nil {
		return err
	}

	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), yamlBuffer)

	for {
		object := &unstructured.Unstructured{}
		if err = decoder.Decode(&object.Object); errors.Is(err, io.EOF) {
			return nil
		}

		if err == nil {
			err = createMissing(ctx, client, mapper, object)
		}

		if err != nil {
			return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
}

func createMissing(ctx context.Context, client dynamic.Interface, mapper meta.RESTMapper, object *unstructured.Unstructured) error {
	kind := object.GroupVersionKind()

	mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return err
	}

	objects := client.Resource(mapping.Resource).Namespace(object.GetNamespace())

	// To make a Service again that has its address given is refused for the address before it is for the name.
	if _, err = objects.Get(ctx, object.GetName(), metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		return err
	}

	_, err = objects.Create(ctx, object, metav1.CreateOptions{FieldManager: "talos"})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}

	return err
}
