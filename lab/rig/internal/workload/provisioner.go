package workload

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	selectedNode  = "volume.kubernetes.io/selected-node"
	provisionedBy = "pv.kubernetes.io/provisioned-by"
	hostnameLabel = "kubernetes.io/hostname"
)

var (
	claims  = resource("", "v1", "persistentvolumeclaims")
	volumes = resource("", "v1", "persistentvolumes")
)

// provisioner makes a volume on the machine that the scheduler chose for a claim, and removes volumes whose claim
// is gone. The pods that would make and remove the folders are not there.
type provisioner struct {
	pod  *Pod
	name string
	// source says where on the machine the volume lies.
	source func(volume, machine string, claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) (corev1.PersistentVolumeSource, error)
}

func (p *provisioner) run(ctx context.Context) error {
	p.pod.Ready()

	return p.pod.Follow(ctx, func(ctx context.Context) error {
		return errors.Join(p.provision(ctx), p.remove(ctx))
	}, Watched{claims, ""}, Watched{volumes, ""})
}

// provision makes a volume for every claim of its classes that has a machine and no volume yet.
func (p *provisioner) provision(ctx context.Context) error {
	list, err := p.pod.Client.CoreV1().PersistentVolumeClaims("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}

	var problems []error

	for n := range list.Items {
		claim := &list.Items[n]
		if claim.Status.Phase != corev1.ClaimPending || claim.DeletionTimestamp != nil || claim.Annotations[selectedNode] == "" || claim.Spec.StorageClassName == nil {
			continue
		}

		class, err := p.pod.Client.StorageV1().StorageClasses().Get(ctx, *claim.Spec.StorageClassName, metav1.GetOptions{})
		if err == nil && class.Provisioner == p.name {
			err = p.make(ctx, claim, class)
		}

		if err != nil {
			problems = append(problems, fmt.Errorf("claim %s/%s: %w", claim.Namespace, claim.Name, err))
		}
	}

	return errors.Join(problems...)
}

func (p *provisioner) make(ctx context.Context, claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) error {
	machine := claim.Annotations[selectedNode]
	name := "pvc-" + string(claim.UID)

	source, err := p.source(name, machine, claim, class)
	if err != nil {
		return err
	}

	_, err = p.pod.Client.CoreV1().PersistentVolumes().Create(ctx, &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{provisionedBy: p.name}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:    corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			AccessModes: claim.Spec.AccessModes, StorageClassName: class.Name, PersistentVolumeReclaimPolicy: *class.ReclaimPolicy,
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name,
				UID: claim.UID, ResourceVersion: claim.ResourceVersion,
			},
			PersistentVolumeSource: source,
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: hostnameLabel, Operator: corev1.NodeSelectorOpIn, Values: []string{machine}}},
			}}}},
		},
	}, metav1.CreateOptions{})

	if apierrors.IsAlreadyExists(err) {
		return nil
	}

	return err
}

func (p *provisioner) remove(ctx context.Context) error {
	list, err := p.pod.Client.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}

	var problems []error

	for n := range list.Items {
		volume := &list.Items[n]
		if volume.Annotations[provisionedBy] == p.name && volume.Status.Phase == corev1.VolumeReleased &&
			volume.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete && volume.DeletionTimestamp == nil {
			problems = append(problems, p.pod.runtime.empty(volume.UID), p.pod.Client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, metav1.DeleteOptions{}))
		}
	}

	return errors.Join(problems...)
}

// nextWord is the one behind a flag that is written as two words.
func nextWord(words []string, flag string) string {
	if at := slices.Index(words, flag); at >= 0 && at+1 < len(words) {
		return words[at+1]
	}

	return ""
}
