package cluster

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// applyMetadata sets the labels, annotations and taints of the machine configuration and removes
// those it has set before. What others put on the Node stays. A worker does this with its own
// identity, so the API server refuses it protected labels and any change of taints.
func (k *kubelet) applyMetadata(ctx context.Context, node *corev1.Node, cfg config.Provider) error {
	wanted := node.DeepCopy()

	if wanted.Annotations == nil {
		wanted.Annotations = map[string]string{}
	}

	settings := cfg.K8sNodeConfig()

	own(wanted.Labels, settings.Labels(), wanted.Annotations, constants.AnnotationOwnedLabels)
	own(wanted.Annotations, settings.Annotations(), wanted.Annotations, constants.AnnotationOwnedAnnotations)
	ownTaints(wanted, configuredTaints(cfg))

	if jsonEqual(node.ObjectMeta, wanted.ObjectMeta) && jsonEqual(node.Spec, wanted.Spec) {
		return nil
	}

	who := k.node
	if k.admin != nil {
		who = k.admin
	}

	updated, err := who.CoreV1().Nodes().Update(ctx, wanted, metav1.UpdateOptions{})
	if err == nil {
		*node = *updated
	}

	return err
}

// own makes target hold the entries and drops those held before that are no longer wanted.
func own(target, entries, annotations map[string]string, record string) {
	owned := readOwned(annotations, record)

	for name := range owned {
		if _, ok := entries[name]; !ok {
			delete(target, name)
			delete(owned, name)
		}
	}

	for name, value := range entries {
		current, present := target[name]
		if present && current == value {
			continue
		}

		// What somebody else has set first stays theirs.
		if present && !owned[name] {
			continue
		}

		target[name] = value
		owned[name] = true
	}

	writeOwned(annotations, record, owned)
}

func ownTaints(node *corev1.Node, taints []corev1.Taint) {
	owned := readOwned(node.Annotations, constants.AnnotationOwnedTaints)
	wanted := map[string]corev1.Taint{}

	for _, taint := range taints {
		wanted[taint.Key] = taint
	}

	node.Spec.Taints = slices.DeleteFunc(node.Spec.Taints, func(t corev1.Taint) bool {
		_, keep := wanted[t.Key]

		return owned[t.Key] && !keep
	})

	for key := range owned {
		if _, keep := wanted[key]; !keep {
			delete(owned, key)
		}
	}

	for _, taint := range taints {
		i := slices.IndexFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == taint.Key })

		switch {
		case i < 0:
			node.Spec.Taints = append(node.Spec.Taints, taint)
			owned[taint.Key] = true
		case owned[taint.Key]:
			node.Spec.Taints[i].Value, node.Spec.Taints[i].Effect = taint.Value, taint.Effect
		}
	}

	writeOwned(node.Annotations, constants.AnnotationOwnedTaints, owned)
}

// configuredTaints reads `value:Effect` or `:Effect` by key.
func configuredTaints(cfg config.Provider) []corev1.Taint {
	var taints []corev1.Taint

	configured := cfg.K8sNodeConfig().Taints()

	for _, key := range slices.Sorted(maps.Keys(configured)) {
		value, effect, found := strings.Cut(configured[key], ":")
		if !found {
			value, effect = "", value
		}

		taints = append(taints, corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffect(effect)})
	}

	return taints
}

func readOwned(annotations map[string]string, record string) map[string]bool {
	var names []string

	// A record somebody has damaged owns nothing.
	_ = json.Unmarshal([]byte(annotations[record]), &names)

	owned := map[string]bool{}
	for _, name := range names {
		owned[name] = true
	}

	return owned
}

func writeOwned(annotations map[string]string, record string, owned map[string]bool) {
	if len(owned) == 0 {
		delete(annotations, record)

		return
	}

	raw, err := json.Marshal(slices.Sorted(maps.Keys(owned)))
	if err == nil {
		annotations[record] = string(raw)
	}
}
