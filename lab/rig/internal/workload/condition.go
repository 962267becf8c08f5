package workload

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// setCondition sets a condition of an object's status and says whether that changed anything.
func setCondition(object *unstructured.Unstructured, condition metav1.Condition) bool {
	var conditions []metav1.Condition

	present, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, entry := range present {
		var one metav1.Condition

		fields, _ := entry.(map[string]any)
		if runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &one) == nil {
			conditions = append(conditions, one)
		}
	}

	if !meta.SetStatusCondition(&conditions, condition) {
		return false
	}

	list := make([]any, len(conditions))

	for n := range conditions {
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&conditions[n])
		if err != nil {
			return false
		}

		list[n] = fields
	}

	return unstructured.SetNestedSlice(object.Object, list, "status", "conditions") == nil
}
