package workload

import (
	"context"
	"fmt"
	"path"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"sigs.k8s.io/yaml"
)

const (
	openEBSName   = "openebs.io/local"
	openEBSConfig = "cas.openebs.io/config"
)

// openEBSProvisioner makes volumes in the folder that the annotations of their class name, else in that of its own
// environment. Quotas, other labels than the host's name and analytics are not there.
func openEBSProvisioner(ctx context.Context, pod *Pod) error {
	usual, _ := pod.Env("OPENEBS_IO_BASE_PATH")

	p := &provisioner{pod: pod, name: openEBSName, source: func(volume, _ string, _ *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) (corev1.PersistentVolumeSource, error) {
		folder, err := openEBSFolder(class, usual)

		return corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: path.Join(folder, volume)}}, err
	}}

	return p.run(ctx)
}

// openEBSFolder is the base path of a class.
func openEBSFolder(class *storagev1.StorageClass, usual string) (string, error) {
	var settings []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}

	if err := yaml.Unmarshal([]byte(class.Annotations[openEBSConfig]), &settings); err != nil {
		return "", fmt.Errorf("class %s: %s: %w", class.Name, openEBSConfig, err)
	}

	for _, setting := range settings {
		switch {
		case setting.Name == "BasePath":
			usual = setting.Value
		case setting.Name != "StorageType", setting.Value != "hostpath":
			return "", fmt.Errorf("class %s: %s: %s is not there in the lab", class.Name, openEBSConfig, setting.Name)
		}
	}

	return usual, nil
}
