package cluster

import (
	"maps"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/siderolabs/talos/pkg/machinery/constants"
)

func TestLabelsOfOthersStay(t *testing.T) {
	labels := map[string]string{"theirs": "1", "both": "theirs"}
	annotations := map[string]string{}
	apply := func(wanted map[string]string) { own(labels, wanted, annotations, constants.AnnotationOwnedLabels) }

	apply(map[string]string{"ours": "1", "both": "ours"})

	if !maps.Equal(labels, map[string]string{"theirs": "1", "both": "theirs", "ours": "1"}) {
		t.Errorf("%v", labels)
	}

	apply(map[string]string{"ours": "2"})

	if labels["ours"] != "2" {
		t.Errorf("our own label does not change: %v", labels)
	}

	apply(nil)

	if !maps.Equal(labels, map[string]string{"theirs": "1", "both": "theirs"}) || len(annotations) != 0 {
		t.Errorf("%v %v", labels, annotations)
	}
}

func TestTaintsOfOthersStay(t *testing.T) {
	theirs := corev1.Taint{Key: "node.kubernetes.io/not-ready", Effect: corev1.TaintEffectNoSchedule}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{}}, Spec: corev1.NodeSpec{Taints: []corev1.Taint{theirs}}}

	ownTaints(node, []corev1.Taint{{Key: "ours", Value: "1", Effect: corev1.TaintEffectNoSchedule}})
	ownTaints(node, []corev1.Taint{{Key: "ours", Value: "2", Effect: corev1.TaintEffectNoExecute}})

	if len(node.Spec.Taints) != 2 || node.Spec.Taints[1].Value != "2" || node.Spec.Taints[1].Effect != corev1.TaintEffectNoExecute {
		t.Errorf("%v", node.Spec.Taints)
	}

	ownTaints(node, nil)

	if !slices.Equal(node.Spec.Taints, []corev1.Taint{theirs}) || len(node.Annotations) != 0 {
		t.Errorf("%v %v", node.Spec.Taints, node.Annotations)
	}
}

func TestExtraArguments(t *testing.T) {
	args := map[string][]string{"profiling": {"false"}, "enable-admission-plugins": {"NodeRestriction"}, "etcd-servers": {"https://127.0.0.1:2379"}}
	additive, denied := []string{"enable-admission-plugins"}, []string{"etcd-servers"}

	err := merge(args, map[string][]string{"profiling": {"true"}, "enable-admission-plugins": {"AlwaysPullImages"}, "v": {"2", "3"}}, additive, denied)
	if err != nil {
		t.Fatal(err)
	}

	want := []string{
		"--enable-admission-plugins=NodeRestriction,AlwaysPullImages", "--etcd-servers=https://127.0.0.1:2379", "--profiling=true", "--v=2", "--v=3",
	}
	if got := flags(args); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}

	if err = merge(args, map[string][]string{"etcd-servers": {"https://elsewhere"}}, additive, denied); err == nil {
		t.Error("what belongs to the machine can be overridden")
	}
}
