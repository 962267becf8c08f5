package workload

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	syncedLabel = "reconcile.external-secrets.io/managed"
	syncedHash  = "reconcile.external-secrets.io/data-hash"
)

type storeReference struct{ Kind, Name string }

// fetchSpec is what of an ExternalSecret's fields is used.
type fetchSpec struct {
	RefreshInterval string         `json:"refreshInterval"`
	Store           storeReference `json:"secretStoreRef"`
	Target          struct {
		Name           string `json:"name"`
		CreationPolicy string `json:"creationPolicy"`
	} `json:"target"`
	Data []struct {
		SecretKey string `json:"secretKey"`
		RemoteRef struct {
			Key      string `json:"key"`
			Property string `json:"property"`
		} `json:"remoteRef"`
	} `json:"data"`
}

// fetch brings a Secret to what the store has: when its time has come, when it is told something else, and when the
// Secret is gone or somebody has changed it.
func (s *secretSync) fetch(ctx context.Context, object *unstructured.Unstructured) error {
	var spec fetchSpec
	if err := specOf(object, &spec); err != nil || object.GetDeletionTimestamp() != nil {
		return err
	}

	name := spec.Target.Name
	if name == "" {
		name = object.GetName()
	}

	secret, err := s.pod.Client.CoreV1().Secrets(object.GetNamespace()).Get(ctx, name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}

	whole := err == nil && secret.Labels[syncedLabel] == "true" && secret.Annotations[syncedHash] == hashOf(secret.Data)
	if whole && !due(object, spec.RefreshInterval) {
		return nil
	}

	done := metav1.Condition{Type: "Ready", Status: metav1.ConditionTrue, Reason: "SecretSynced", Message: "secret synced"}

	data, problem := s.gather(ctx, spec)
	if problem != nil {
		done = metav1.Condition{Type: "Ready", Status: metav1.ConditionFalse, Reason: "SecretSyncedError", Message: "could not get secret data from provider"}
	} else if problem = s.keep(ctx, object, name, spec.Target.CreationPolicy, data); problem != nil {
		done = metav1.Condition{Type: "Ready", Status: metav1.ConditionFalse, Reason: "SecretSyncedError", Message: "could not update secret"}
	} else {
		_ = unstructured.SetNestedField(object.Object, name, "status", "binding", "name")
	}

	return errors.Join(problem, s.report(ctx, externalSecretObjects, object, done))
}

func (s *secretSync) gather(ctx context.Context, spec fetchSpec) (map[string][]byte, error) {
	store, err := s.session(spec.Store.Kind, spec.Store.Name)
	if err != nil {
		return nil, err
	}

	data := map[string][]byte{}

	for _, entry := range spec.Data {
		found, err := store.read(ctx, entry.RemoteRef.Key)
		if err != nil {
			return nil, err
		}

		value, ok := found[entry.RemoteRef.Property].(string)
		if !ok {
			return nil, fmt.Errorf("%s: cannot find secret data for key: %q", entry.RemoteRef.Key, entry.RemoteRef.Property)
		}

		data[entry.SecretKey] = []byte(value)
	}

	return data, nil
}

// keep writes the Secret, which goes with its ExternalSecret.
func (s *secretSync) keep(ctx context.Context, owner *unstructured.Unstructured, name, policy string, data map[string][]byte) error {
	if policy != "Owner" {
		return fmt.Errorf("creationPolicy %s is not there: use Owner", policy)
	}

	yes := true
	secrets := s.pod.Client.CoreV1().Secrets(owner.GetNamespace())
	wanted := metav1.OwnerReference{
		APIVersion: owner.GetAPIVersion(), Kind: owner.GetKind(), Name: owner.GetName(), UID: owner.GetUID(), Controller: &yes, BlockOwnerDeletion: &yes,
	}

	live, err := secrets.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = secrets.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Name: name, Labels: map[string]string{syncedLabel: "true"}, Annotations: map[string]string{syncedHash: hashOf(data)},
				OwnerReferences: []metav1.OwnerReference{wanted},
			},
			Data: data,
		}, metav1.CreateOptions{})

		return err
	}

	if err != nil {
		return err
	}

	if holder := metav1.GetControllerOf(live); holder != nil && holder.UID != owner.GetUID() {
		return fmt.Errorf("target is owned by another %s", holder.Kind)
	}

	before := live.DeepCopy()
	metav1.SetMetaDataLabel(&live.ObjectMeta, syncedLabel, "true")
	metav1.SetMetaDataAnnotation(&live.ObjectMeta, syncedHash, hashOf(data))
	live.OwnerReferences, live.Data = []metav1.OwnerReference{wanted}, data

	if reflect.DeepEqual(before, live) {
		return nil
	}

	_, err = secrets.Update(ctx, live, metav1.UpdateOptions{})

	return err
}

// pushSpec is what of a PushSecret's fields is used.
type pushSpec struct {
	RefreshInterval string           `json:"refreshInterval"`
	UpdatePolicy    string           `json:"updatePolicy"`
	DeletionPolicy  string           `json:"deletionPolicy"`
	Stores          []storeReference `json:"secretStoreRefs"`
	Selector        struct {
		Generator storeReference `json:"generatorRef"`
	} `json:"selector"`
	Data []struct {
		Match struct {
			SecretKey string `json:"secretKey"`
			RemoteRef struct {
				RemoteKey string `json:"remoteKey"`
				Property  string `json:"property"`
			} `json:"remoteRef"`
		} `json:"match"`
	} `json:"data"`
}

// push writes what a generator makes into its stores. The generator makes something new every time: what is in a store
// already stays only where the policy says so.
func (s *secretSync) push(ctx context.Context, object *unstructured.Unstructured) error {
	var spec pushSpec
	if err := specOf(object, &spec); err != nil || object.GetDeletionTimestamp() != nil || !due(object, spec.RefreshInterval) {
		return err
	}

	done := metav1.Condition{Type: "Ready", Status: metav1.ConditionTrue, Reason: "Synced", Message: "PushSecret synced successfully"}
	if spec.UpdatePolicy == "IfNotExists" {
		done.Message += ". Existing secrets in providers unchanged."
	}

	problem := s.pushAll(ctx, object, spec)
	if problem != nil {
		done = metav1.Condition{Type: "Ready", Status: metav1.ConditionFalse, Reason: "Errored", Message: "set secret failed: " + problem.Error()}
	}

	return errors.Join(problem, s.report(ctx, pushSecrets, object, done))
}

func (s *secretSync) pushAll(ctx context.Context, object *unstructured.Unstructured, spec pushSpec) error {
	if spec.DeletionPolicy != "None" {
		return fmt.Errorf("deletionPolicy %s is not there: use None", spec.DeletionPolicy)
	}

	made, err := s.generate(ctx, object.GetNamespace(), spec.Selector.Generator)
	if err != nil {
		return err
	}

	for _, reference := range spec.Stores {
		store, err := s.session(reference.Kind, reference.Name)
		if err != nil {
			return err
		}

		for _, entry := range spec.Data {
			key, property := entry.Match.RemoteRef.RemoteKey, entry.Match.RemoteRef.Property

			value, known := made[entry.Match.SecretKey]
			if !known || property == "" {
				return fmt.Errorf("secret key %v does not exist", entry.Match.SecretKey)
			}

			present, err := store.read(ctx, key)
			if err != nil {
				return err
			}

			if _, there := present[property]; there && spec.UpdatePolicy == "IfNotExists" {
				continue
			}

			data := map[string]any{}
			for name, each := range present {
				data[name] = each
			}

			data[property] = value
			if err = store.write(ctx, key, data); err != nil {
				return err
			}
		}
	}

	return nil
}

func (s *secretSync) generate(ctx context.Context, namespace string, reference storeReference) (map[string]string, error) {
	if reference.Kind != "Password" {
		return nil, fmt.Errorf("there is no generator %s, only Password", reference.Kind)
	}

	generator, err := s.pod.Objects.Resource(passwordGenerators).Namespace(namespace).Get(ctx, reference.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}

	var spec passwordSpec
	if err = specOf(generator, &spec); err != nil {
		return nil, err
	}

	text, err := spec.generate()

	return map[string]string{"password": text}, err
}

// report writes how it went; only what succeeded waits for its next time.
func (s *secretSync) report(ctx context.Context, kind schema.GroupVersionResource, object *unstructured.Unstructured, condition metav1.Condition) error {
	changed := setCondition(object, condition)

	if condition.Status == metav1.ConditionTrue {
		changed = true
		_ = unstructured.SetNestedField(object.Object, time.Now().UTC().Format(time.RFC3339), "status", "refreshTime")
		_ = unstructured.SetNestedField(object.Object, versionOf(object), "status", "syncedResourceVersion")
	}

	if !changed {
		return nil
	}

	_, err := s.pod.Objects.Resource(kind).Namespace(object.GetNamespace()).UpdateStatus(ctx, object, metav1.UpdateOptions{})

	return err
}

// due says whether an object was told something else since it was synced last, or its interval is over; an interval
// of nothing never ends.
func due(object *unstructured.Unstructured, interval string) bool {
	version, _, _ := unstructured.NestedString(object.Object, "status", "syncedResourceVersion")
	if version != versionOf(object) {
		return true
	}

	text, _, _ := unstructured.NestedString(object.Object, "status", "refreshTime")
	last, err := time.Parse(time.RFC3339, text)
	wait, failed := time.ParseDuration(interval)

	return err != nil || failed != nil || wait > 0 && time.Now().After(last.Add(wait))
}

func versionOf(object *unstructured.Unstructured) string {
	return fmt.Sprintf("%d-%s", object.GetGeneration(), hashOf([]any{object.GetLabels(), object.GetAnnotations()}))
}
