package workload

import (
	"context"
	"errors"
	"reflect"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

const (
	spreadFinalizer    = "externalsecrets.external-secrets.io/clusterexternalsecret-cleanup"
	namespaceFinalizer = "externalsecrets.external-secrets.io/ces-"
)

// spreadSpec is what of a ClusterExternalSecret's fields is used.
type spreadSpec struct {
	Name      string                 `json:"externalSecretName"`
	Selectors []metav1.LabelSelector `json:"namespaceSelectors"`
	Spec      map[string]any         `json:"externalSecretSpec"`
}

// spread keeps an ExternalSecret in every namespace that is meant. Neither such a namespace nor the object itself goes
// before what was made for it.
func (s *secretSync) spread(ctx context.Context, object *unstructured.Unstructured) error {
	var spec spreadSpec
	if err := specOf(object, &spec); err != nil {
		return err
	}

	present, _, _ := unstructured.NestedStringSlice(object.Object, "status", "provisionedNamespaces")
	mark := namespaceFinalizer + object.GetName()
	client := s.pod.Objects.Resource(clusterExternalSecrets)

	if object.GetDeletionTimestamp() != nil {
		for _, namespace := range present {
			if err := s.withdraw(ctx, namespace, spec.Name, mark); err != nil {
				return err
			}
		}

		if finalizers, changed := without(object.GetFinalizers(), spreadFinalizer); changed {
			object.SetFinalizers(finalizers)
			_, err := client.Update(ctx, object, metav1.UpdateOptions{})

			return err
		}

		return nil
	}

	if !slices.Contains(object.GetFinalizers(), spreadFinalizer) {
		object.SetFinalizers(append(object.GetFinalizers(), spreadFinalizer))

		updated, err := client.Update(ctx, object, metav1.UpdateOptions{})
		if err != nil {
			return err
		}

		object = updated
	}

	wanted, err := s.meant(ctx, spec.Selectors)
	if err != nil {
		return err
	}

	for _, namespace := range present {
		if !slices.Contains(wanted, namespace) {
			if err = s.withdraw(ctx, namespace, spec.Name, mark); err != nil {
				return err
			}
		}
	}

	before := object.DeepCopy()
	provided, failed := []string{}, []any{}

	for _, namespace := range wanted {
		switch err = s.provide(ctx, object, namespace, spec, mark); {
		case errors.Is(err, errTaken):
			failed = append(failed, map[string]any{"namespace": namespace, "reason": err.Error()})
		case err != nil:
			return err
		default:
			provided = append(provided, namespace)
		}
	}

	condition := metav1.Condition{Type: "Ready", Status: metav1.ConditionTrue}
	if len(failed) > 0 {
		condition.Status, condition.Message = metav1.ConditionFalse, "one or more namespaces failed"
	}

	setSpread(object, condition)
	_ = unstructured.SetNestedStringSlice(object.Object, provided, "status", "provisionedNamespaces")
	_ = unstructured.SetNestedSlice(object.Object, failed, "status", "failedNamespaces")
	_ = unstructured.SetNestedField(object.Object, spec.Name, "status", "externalSecretName")

	if !reflect.DeepEqual(before.Object, object.Object) {
		_, err = client.UpdateStatus(ctx, object, metav1.UpdateOptions{})

		return err
	}

	return nil
}

// setSpread sets the only condition, which has neither a reason nor a time.
func setSpread(object *unstructured.Unstructured, condition metav1.Condition) {
	fields := map[string]any{"type": condition.Type, "status": string(condition.Status)}
	if condition.Message != "" {
		fields["message"] = condition.Message
	}

	_ = unstructured.SetNestedSlice(object.Object, []any{fields}, "status", "conditions")
}

// meant are the namespaces that a selector chooses and that are not going.
func (s *secretSync) meant(ctx context.Context, selectors []metav1.LabelSelector) ([]string, error) {
	list, err := s.pod.Client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}

	names := []string{}

	for n := range selectors {
		selector, err := metav1.LabelSelectorAsSelector(&selectors[n])
		if err != nil {
			return nil, err
		}

		for _, namespace := range list.Items {
			if namespace.DeletionTimestamp == nil && selector.Matches(labels.Set(namespace.Labels)) {
				names = append(names, namespace.Name)
			}
		}
	}

	slices.Sort(names)

	return slices.Compact(names), nil
}

var errTaken = errors.New("external secret already exists in namespace")

func (s *secretSync) provide(ctx context.Context, owner *unstructured.Unstructured, namespace string, spec spreadSpec, mark string) error {
	namespaces := s.pod.Client.CoreV1().Namespaces()

	live, err := namespaces.Get(ctx, namespace, metav1.GetOptions{})
	if err != nil {
		return err
	}

	if !slices.Contains(live.Finalizers, mark) {
		live.Finalizers = append(live.Finalizers, mark)
		if _, err = namespaces.Update(ctx, live, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}

	objects := s.pod.Objects.Resource(externalSecretObjects).Namespace(namespace)

	switch there, err := objects.Get(ctx, spec.Name, metav1.GetOptions{}); {
	case err == nil && !metav1.IsControlledBy(there, owner):
		return errTaken
	case err != nil && !apierrors.IsNotFound(err):
		return err
	}

	yes := true
	made := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": externalSecretsGroup + "/v1", "kind": "ExternalSecret", "metadata": map[string]any{"name": spec.Name}, "spec": spec.Spec,
	}}
	made.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: owner.GetAPIVersion(), Kind: owner.GetKind(), Name: owner.GetName(), UID: owner.GetUID(), Controller: &yes, BlockOwnerDeletion: &yes,
	}})

	_, err = objects.Apply(ctx, spec.Name, made, metav1.ApplyOptions{FieldManager: "external-secrets", Force: true})

	return err
}

// withdraw takes the ExternalSecret out of a namespace, and lets that go.
func (s *secretSync) withdraw(ctx context.Context, namespace, name, mark string) error {
	err := s.pod.Objects.Resource(externalSecretObjects).Namespace(namespace).Delete(ctx, name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}

	live, err := s.pod.Client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}

	if err != nil {
		return err
	}

	if finalizers, changed := without(live.Finalizers, mark); changed {
		live.Finalizers = finalizers
		_, err = s.pod.Client.CoreV1().Namespaces().Update(ctx, live, metav1.UpdateOptions{})
	}

	return err
}

func without(list []string, one string) ([]string, bool) {
	rest := slices.DeleteFunc(slices.Clone(list), func(each string) bool { return each == one })

	return rest, len(rest) != len(list)
}
