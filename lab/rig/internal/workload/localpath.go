package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	selectedNode      = "volume.kubernetes.io/selected-node"
	provisionedBy     = "pv.kubernetes.io/provisioned-by"
	everyOtherNode    = "DEFAULT_PATH_FOR_NON_LISTED_NODES"
	localPathHostname = "kubernetes.io/hostname"
)

var (
	claims  = resource("", "v1", "persistentvolumeclaims")
	volumes = resource("", "v1", "persistentvolumes")
)

// localPathProvisioner makes a volume on the machine that the scheduler chose for a claim, where its
// configuration has a folder for that machine, and removes volumes whose claim is gone. The pods that would make
// and remove the folders, other volume types and path patterns are not there.
func localPathProvisioner(ctx context.Context, pod *Pod) error {
	text, found, err := pod.File(ctx, nextWord(pod.Words(), "--config"))
	if err != nil {
		return err
	}

	if !found {
		return errors.New("its configuration is not there")
	}

	l := &localPath{pod: pod, name: nextWord(pod.Words(), "--provisioner-name")}
	if err = json.Unmarshal(text, &l.config); err != nil {
		return fmt.Errorf("its configuration: %w", err)
	}

	pod.Ready()

	return pod.Follow(ctx, func(ctx context.Context) error {
		return errors.Join(l.provision(ctx), l.remove(ctx))
	}, Watched{claims, ""}, Watched{volumes, ""})
}

type localPath struct {
	pod    *Pod
	name   string
	config struct {
		NodePathMap []struct {
			Node  string   `json:"node"`
			Paths []string `json:"paths"`
		} `json:"nodePathMap"`
	}
}

// provision makes a volume for every claim of its classes that has a machine and no volume yet.
func (l *localPath) provision(ctx context.Context) error {
	list, err := l.pod.Client.CoreV1().PersistentVolumeClaims("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}

	var problems []error

	for n := range list.Items {
		claim := &list.Items[n]
		if claim.Status.Phase != corev1.ClaimPending || claim.DeletionTimestamp != nil || claim.Annotations[selectedNode] == "" || claim.Spec.StorageClassName == nil {
			continue
		}

		class, err := l.pod.Client.StorageV1().StorageClasses().Get(ctx, *claim.Spec.StorageClassName, metav1.GetOptions{})
		if err == nil && class.Provisioner == l.name {
			err = l.make(ctx, claim, class)
		}

		if err != nil {
			problems = append(problems, fmt.Errorf("claim %s/%s: %w", claim.Namespace, claim.Name, err))
		}
	}

	return errors.Join(problems...)
}

func (l *localPath) make(ctx context.Context, claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) error {
	machine := claim.Annotations[selectedNode]

	folder, err := l.folder(machine)
	if err != nil {
		return err
	}

	name := "pvc-" + string(claim.UID)
	kind := corev1.HostPathDirectoryOrCreate
	_, err = l.pod.Client.CoreV1().PersistentVolumes().Create(ctx, &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{provisionedBy: l.name}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:    corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			AccessModes: claim.Spec.AccessModes, StorageClassName: class.Name, PersistentVolumeReclaimPolicy: *class.ReclaimPolicy,
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name,
				UID: claim.UID, ResourceVersion: claim.ResourceVersion,
			},
			PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{
				Path: path.Join(folder, strings.Join([]string{name, claim.Namespace, claim.Name}, "_")), Type: &kind,
			}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: localPathHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{machine}}},
			}}}},
		},
	}, metav1.CreateOptions{})

	if apierrors.IsAlreadyExists(err) {
		return nil
	}

	return err
}

// folder is the first one that the configuration has for a machine.
func (l *localPath) folder(machine string) (string, error) {
	for _, name := range []string{machine, everyOtherNode} {
		for _, entry := range l.config.NodePathMap {
			if entry.Node != name {
				continue
			}

			if len(entry.Paths) == 0 {
				return "", fmt.Errorf("config of node %s has no path", machine)
			}

			return entry.Paths[0], nil
		}
	}

	return "", fmt.Errorf("config doesn't contain node %s", machine)
}

func (l *localPath) remove(ctx context.Context) error {
	list, err := l.pod.Client.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}

	var problems []error

	for n := range list.Items {
		volume := &list.Items[n]
		if volume.Annotations[provisionedBy] == l.name && volume.Status.Phase == corev1.VolumeReleased &&
			volume.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete && volume.DeletionTimestamp == nil {
			problems = append(problems, l.pod.runtime.empty(volume.UID), l.pod.Client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, metav1.DeleteOptions{}))
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
