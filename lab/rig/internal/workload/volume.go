package workload

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Volume is the volume that is mounted at a path: the one that its claim is bound to.
func (p *Pod) Volume(ctx context.Context, path string) (types.UID, error) {
	for _, mount := range p.Container.VolumeMounts {
		if mount.MountPath != path {
			continue
		}

		for _, volume := range p.Spec.Volumes {
			if volume.Name == mount.Name && volume.PersistentVolumeClaim != nil {
				return p.runtime.boundTo(ctx, p.Namespace, volume.PersistentVolumeClaim.ClaimName)
			}
		}
	}

	return "", fmt.Errorf("no claim is mounted at %s", path)
}

func (r *Runtime) boundTo(ctx context.Context, namespace, name string) (types.UID, error) {
	claim, err := r.admin.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", err
	}

	if claim.Status.Phase != corev1.ClaimBound {
		return "", fmt.Errorf("claim %s/%s is not bound", namespace, name)
	}

	volume, err := r.admin.CoreV1().PersistentVolumes().Get(ctx, claim.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		return "", err
	}

	return volume.UID, nil
}

// keepIn is what a program has on a volume; the first one that asks makes it, with the file in which it may keep it.
// What is not in that file lasts as long as the rig runs.
func keepIn[T any](p *Pod, volume types.UID, first func(file string) (T, error)) (T, error) {
	p.runtime.mu.Lock()
	defer p.runtime.mu.Unlock()

	if kept, ok := p.runtime.kept[volume].(T); ok {
		return kept, nil
	}

	made, err := first(p.runtime.fileOf(volume))
	if err == nil {
		p.runtime.kept[volume] = made
	}

	return made, err
}

func (r *Runtime) fileOf(volume types.UID) string {
	return filepath.Join(r.volumes, string(volume)+".json")
}

// empty throws away what is on a volume.
func (r *Runtime) empty(volume types.UID) error {
	r.mu.Lock()
	defer r.mu.Unlock()

	delete(r.kept, volume)

	if err := os.Remove(r.fileOf(volume)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}

	return nil
}

// Variable is one of the container's environment, also out of a Secret, which a kubelet brings.
func (p *Pod) Variable(ctx context.Context, name string) (string, bool, error) {
	for _, variable := range p.Container.Env {
		if variable.Name != name || variable.ValueFrom == nil || variable.ValueFrom.SecretKeyRef == nil {
			continue
		}

		from := variable.ValueFrom.SecretKeyRef

		secret, err := p.runtime.admin.CoreV1().Secrets(p.Namespace).Get(ctx, from.Name, metav1.GetOptions{})
		if err != nil {
			return "", false, fmt.Errorf("variable %s: %w", name, err)
		}

		value, found := secret.Data[from.Key]

		return string(value), found, nil
	}

	value, found := p.Env(name)

	return value, found, nil
}
