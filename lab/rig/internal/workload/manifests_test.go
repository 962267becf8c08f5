package workload

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"
)

func TestWhatIsThereIsNotMadeAgain(t *testing.T) {
	kind := schema.GroupVersionKind{Version: "v1", Kind: "Service"}
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	object.SetNamespace("kube-system")
	object.SetName("kube-dns")

	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(kind, meta.RESTScopeNamespace)

	client := fake.NewSimpleDynamicClient(runtime.NewScheme())

	if err := createMissing(t.Context(), client, mapper, object); err != nil {
		t.Fatal(err)
	}

	// As the API server answers for an address that is given away.
	client.PrependReactor("create", "services", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewInvalid(kind.GroupKind(), "kube-dns", nil)
	})

	if err := createMissing(t.Context(), client, mapper, object); err != nil {
		t.Errorf("it is made again: %v", err)
	}
}
