package workload

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	reloadGroup = "reloader.stakater.com"
	reloadAuto  = reloadGroup + "/auto"
	reloadedBy  = reloadGroup + "/last-reloaded-from"
)

// reloader restarts Deployments, StatefulSets and DaemonSets that ask for it when a Secret or ConfigMap of theirs
// changes, by an annotation of their pods. What has changed while it did not run it does not know.
func reloader(ctx context.Context, pod *Pod) error {
	if pod.Flag("reload-strategy") != "annotations" {
		return errors.New("only pods' annotations can be changed here: use --reload-strategy=annotations")
	}

	r := &reloading{pod: pod}

	pod.Ready()

	return pod.Follow(ctx, r.look, Watched{resource("", "v1", "secrets"), ""}, Watched{resource("", "v1", "configmaps"), ""})
}

type reloading struct {
	pod  *Pod
	seen map[source]string
}

// source is a Secret or a ConfigMap.
type source struct{ kind, namespace, name string }

// workload is what runs pods of a template.
type workload struct {
	namespace, name string
	annotations     map[string]string
	template        corev1.PodTemplateSpec
	patch           func(ctx context.Context, patch []byte) error
}

func (r *reloading) look(ctx context.Context) error {
	found, err := r.sources(ctx)
	if err != nil {
		return err
	}

	var changed []source

	for one, hash := range found {
		if before, known := r.seen[one]; known && before != hash {
			changed = append(changed, one)
		}
	}

	if len(changed) > 0 {
		workloads, err := r.workloads(ctx)
		if err != nil {
			return err
		}

		for _, one := range changed {
			for _, each := range workloads {
				if each.namespace == one.namespace && each.follows(one) {
					err = errors.Join(err, each.reload(ctx, one, found[one]))
				}
			}
		}

		if err != nil {
			return err
		}
	}

	r.seen = found

	return nil
}

func (r *reloading) sources(ctx context.Context) (map[source]string, error) {
	found := map[source]string{}

	secrets, err := r.pod.Client.CoreV1().Secrets("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}

	for _, secret := range secrets.Items {
		found[source{"SECRET", secret.Namespace, secret.Name}] = hashOf(secret.Data)
	}

	configs, err := r.pod.Client.CoreV1().ConfigMaps("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}

	for _, config := range configs.Items {
		found[source{"CONFIGMAP", config.Namespace, config.Name}] = hashOf([]any{config.Data, config.BinaryData})
	}

	return found, nil
}

func hashOf(content any) string {
	text, _ := json.Marshal(content)
	sum := sha256.Sum256(text)

	return hex.EncodeToString(sum[:])
}

func (r *reloading) workloads(ctx context.Context) ([]workload, error) {
	apps, all := r.pod.Client.AppsV1(), metav1.ListOptions{}
	kind, options := types.StrategicMergePatchType, metav1.PatchOptions{}

	var found []workload

	deployments, err := apps.Deployments("").List(ctx, all)
	if err != nil {
		return nil, err
	}

	for _, one := range deployments.Items {
		found = append(found, workload{one.Namespace, one.Name, one.Annotations, one.Spec.Template, func(ctx context.Context, patch []byte) error {
			_, err := apps.Deployments(one.Namespace).Patch(ctx, one.Name, kind, patch, options)

			return err
		}})
	}

	sets, err := apps.StatefulSets("").List(ctx, all)
	if err != nil {
		return nil, err
	}

	for _, one := range sets.Items {
		found = append(found, workload{one.Namespace, one.Name, one.Annotations, one.Spec.Template, func(ctx context.Context, patch []byte) error {
			_, err := apps.StatefulSets(one.Namespace).Patch(ctx, one.Name, kind, patch, options)

			return err
		}})
	}

	daemons, err := apps.DaemonSets("").List(ctx, all)
	if err != nil {
		return nil, err
	}

	for _, one := range daemons.Items {
		found = append(found, workload{one.Namespace, one.Name, one.Annotations, one.Spec.Template, func(ctx context.Context, patch []byte) error {
			_, err := apps.DaemonSets(one.Namespace).Patch(ctx, one.Name, kind, patch, options)

			return err
		}})
	}

	return found, nil
}

// follows says whether a workload wants to restart with a source: each that its pods use, or one by name.
func (w workload) follows(one source) bool {
	for _, annotations := range []map[string]string{w.annotations, w.template.Annotations} {
		if annotations[reloadAuto] == "true" && uses(w.template.Spec, one) {
			return true
		}

		if slices.Contains(strings.Split(annotations[strings.ToLower(one.kind)+"."+reloadGroup+"/reload"], ","), one.name) {
			return true
		}
	}

	return false
}

// uses says whether pods mount a source or have variables of it.
func uses(pod corev1.PodSpec, one source) bool {
	secret := one.kind == "SECRET"

	for _, volume := range pod.Volumes {
		if secret && volume.Secret != nil && volume.Secret.SecretName == one.name ||
			!secret && volume.ConfigMap != nil && volume.ConfigMap.Name == one.name {
			return true
		}
	}

	for _, container := range append(slices.Clone(pod.InitContainers), pod.Containers...) {
		for _, from := range container.EnvFrom {
			if secret && from.SecretRef != nil && from.SecretRef.Name == one.name ||
				!secret && from.ConfigMapRef != nil && from.ConfigMapRef.Name == one.name {
				return true
			}
		}

		for _, variable := range container.Env {
			from := variable.ValueFrom
			if from != nil && (secret && from.SecretKeyRef != nil && from.SecretKeyRef.Name == one.name ||
				!secret && from.ConfigMapKeyRef != nil && from.ConfigMapKeyRef.Name == one.name) {
				return true
			}
		}
	}

	return false
}

func (w workload) reload(ctx context.Context, from source, hash string) error {
	note, err := json.Marshal(map[string]any{
		"type": from.kind, "name": from.name, "namespace": from.namespace, "hash": hash, "observedAt": time.Now().Unix(),
	})
	if err != nil {
		return err
	}

	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"template": map[string]any{
		"metadata": map[string]any{"annotations": map[string]string{reloadedBy: string(note)}},
	}}})
	if err != nil {
		return err
	}

	return w.patch(ctx, patch)
}
