package kubernetes

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plinth.dev/lab/rig/internal/plugin/property"
)

func TestWaitFor(t *testing.T) {
	live := &unstructured.Unstructured{Object: property.Map{"status": property.Map{
		"phase":      "Running",
		"conditions": []any{property.Map{"type": "Ready", "status": "True"}, property.Map{"type": "Stalled", "status": "False"}},
	}}}
	for annotation, wanted := range map[string]bool{
		"condition=Ready":                                true,
		"condition=Stalled":                              false,
		"condition=Stalled=false":                        true,
		"condition=Missing":                              false,
		"jsonpath={.status.phase}":                       true,
		"jsonpath={.status.phase}=Running":               true,
		"jsonpath={.status.phase}=Pending":               false,
		"jsonpath={.status.nothing}":                     false,
		`["condition=Ready","jsonpath={.status.phase}"]`: true,
		`["condition=Ready","condition=Stalled"]`:        false,
	} {
		check, err := parseWaitFor(annotation)
		if err != nil {
			t.Errorf("%s: %v", annotation, err)
			continue
		}
		if got := check(t.Context(), nil, live).ready; got != wanted {
			t.Errorf("%s: ready is %v", annotation, got)
		}
	}
	for _, bad := range []string{"Ready", "jsonpath={.a", `["condition=Ready"`} {
		if _, err := parseWaitFor(bad); err == nil || !strings.Contains(err.Error(), annotationWaitFor) {
			t.Errorf("%q: the error does not name the annotation: %v", bad, err)
		}
	}
}
