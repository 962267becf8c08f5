package kubernetes

import (
	"strings"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"plinth.dev/lab/rig/internal/plugin/property"
)

func check(t *testing.T, token string, news property.Map) *pulumirpc.CheckResponse {
	t.Helper()
	answer, err := New().Check(t.Context(), &pulumirpc.CheckRequest{
		Urn: "urn:pulumi:test::test::" + token + "::it", News: property.ToStruct(news), RandomSeed: []byte("seed")})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestKindsOfTheAPIAreKnownAndOthersRefused(t *testing.T) {
	for _, token := range []string{
		"kubernetes:core/v1:Namespace", "kubernetes:apps/v1:Deployment", "kubernetes:networking.k8s.io/v1:NetworkPolicy",
		"kubernetes:policy/v1:PodDisruptionBudget", "kubernetes:coordination.k8s.io/v1:Lease", "kubernetes:storage.k8s.io/v1:StorageClass",
		"kubernetes:admissionregistration.k8s.io/v1:ValidatingWebhookConfiguration", "kubernetes:apiregistration.k8s.io/v1:APIService",
		"kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", "kubernetes:cert-manager.io/v1:Certificate",
		"kubernetes:autoscaling/v2:HorizontalPodAutoscaler", "kubernetes:scheduling.k8s.io/v1:PriorityClass",
	} {
		if _, err := kindOf(token); err != nil {
			t.Errorf("%s: %v", token, err)
		}
	}
	for _, token := range []string{
		"kubernetes:core/v1:Nonsense", "kubernetes:apps/v9:Deployment", "kubernetes:core/v1:ServiceAccountPatch",
		"kubernetes:core/v1:ConfigMapList", "kubernetes:yaml/v2:ConfigGroup", "kubernetes:helm.sh/v4:Chart", "nonsense",
	} {
		if _, err := kindOf(token); err == nil || !strings.Contains(err.Error(), token) {
			t.Errorf("%s: %v", token, err)
		}
	}
}

func TestAnUnknownOrderToThePluginIsRefused(t *testing.T) {
	answer := check(t, "kubernetes:core/v1:Namespace", property.Map{"metadata": property.Map{
		"annotations": property.Map{"pulumi.com/nonsense": "true", "example.com/mine": "1"}}})
	if len(answer.GetFailures()) != 1 || !strings.Contains(answer.GetFailures()[0].GetReason(), "pulumi.com/nonsense") {
		t.Errorf("failures: %v", answer.GetFailures())
	}
}

func TestAReleaseRefusesWhatNobodyActsOn(t *testing.T) {
	answer := check(t, releaseToken, property.Map{
		"chart": "../../../testdata/charts/demo", "verify": true, "nonsense": 1.0})
	var found []string
	for _, failure := range answer.GetFailures() {
		found = append(found, failure.GetProperty())
	}
	if strings.Join(found, " ") != "nonsense verify" {
		t.Errorf("failures of %v", found)
	}
}
