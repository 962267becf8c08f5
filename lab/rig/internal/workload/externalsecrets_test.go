package workload

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

func TestAnExternalSecretIsFetchedAgainForAChangeAndWhenItsTimeHasCome(t *testing.T) {
	object := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"generation": int64(1)}}}
	synced := func(ago time.Duration) {
		_ = unstructured.SetNestedField(object.Object, versionOf(object), "status", "syncedResourceVersion")
		_ = unstructured.SetNestedField(object.Object, time.Now().Add(-ago).UTC().Format(time.RFC3339), "status", "refreshTime")
	}

	if !due(object, "1m") {
		t.Error("what was never fetched is not due")
	}

	synced(10 * time.Second)

	if due(object, "1m") || !due(object, "5s") {
		t.Error("its interval is not what counts")
	}

	synced(time.Hour)

	if due(object, "0") {
		t.Error("an interval of nothing ends")
	}

	object.SetAnnotations(map[string]string{"force-sync": "now"})

	if !due(object, "0") {
		t.Error("an annotation does not count")
	}
}

func TestAPasswordHasItsLengthAndItsDigits(t *testing.T) {
	none, two := 0, 2
	spec := passwordSpec{Length: 24, Symbols: &none, AllowRepeat: true}
	seen := map[string]bool{}

	for range 20 {
		text, err := spec.generate()
		if err != nil || len(text) != 24 || len(regexp.MustCompile(`\d`).FindAllString(text, -1)) != 6 {
			t.Errorf("got %q, %v", text, err)
		}

		seen[text] = true
	}

	if len(seen) != 20 {
		t.Error("one was made twice")
	}

	spec = passwordSpec{Length: 16, Digits: &two, Symbols: &none, AllowRepeat: true, NoUpper: true}
	if text, err := spec.generate(); err != nil || strings.ToLower(text) != text || len(regexp.MustCompile(`\d`).FindAllString(text, -1)) != 2 {
		t.Errorf("got %q, %v", text, err)
	}

	if _, err := (passwordSpec{Length: 16, AllowRepeat: true}).generate(); err == nil {
		t.Error("symbols are left out without a word")
	}
}

func TestTheWebhookRefusesWhatWouldFetchNothingOrOneKeyTwice(t *testing.T) {
	review := func(spec any) *admissionv1.AdmissionRequest {
		text, _ := json.Marshal(map[string]any{"spec": spec})

		return &admissionv1.AdmissionRequest{Operation: admissionv1.Create, Object: runtime.RawExtension{Raw: text}}
	}
	data := func(keys ...string) []any {
		list := []any{}
		for _, key := range keys {
			list = append(list, map[string]any{"secretKey": key})
		}

		return list
	}

	for want, spec := range map[string]any{
		"":                    map[string]any{"data": data("a", "b")},
		"duplicate secretKey": map[string]any{"data": data("a", "a")},
		"either data":         map[string]any{},
		"deletionPolicy":      map[string]any{"data": data("a"), "target": map[string]any{"creationPolicy": "Merge", "deletionPolicy": "Delete"}},
	} {
		err := judgeExternalSecret(t.Context(), review(spec))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}

	if err := judgeStore(t.Context(), review(map[string]any{})); err == nil {
		t.Error("a store of nothing is taken")
	}

	gone := review(map[string]any{})
	gone.Operation = admissionv1.Delete

	if err := judgeExternalSecret(t.Context(), gone); err != nil {
		t.Errorf("what goes is refused: %v", err)
	}
}
