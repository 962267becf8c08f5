package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
)

const everyOtherNode = "DEFAULT_PATH_FOR_NON_LISTED_NODES"

// localPathProvisioner makes volumes where its configuration has a folder for the machine. Other volume types and
// path patterns are not there.
func localPathProvisioner(ctx context.Context, pod *Pod) error {
	text, found, err := pod.File(ctx, nextWord(pod.Words(), "--config"))
	if err != nil {
		return err
	}

	if !found {
		return errors.New("its configuration is not there")
	}

	var config localPathConfig
	if err = json.Unmarshal(text, &config); err != nil {
		return fmt.Errorf("its configuration: %w", err)
	}

	p := &provisioner{pod: pod, name: nextWord(pod.Words(), "--provisioner-name"), source: config.source}

	return p.run(ctx)
}

type localPathConfig struct {
	NodePathMap []struct {
		Node  string   `json:"node"`
		Paths []string `json:"paths"`
	} `json:"nodePathMap"`
}

func (c localPathConfig) source(volume, machine string, claim *corev1.PersistentVolumeClaim, _ *storagev1.StorageClass) (corev1.PersistentVolumeSource, error) {
	folder, err := c.folder(machine)
	kind := corev1.HostPathDirectoryOrCreate

	return corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{
		Path: path.Join(folder, strings.Join([]string{volume, claim.Namespace, claim.Name}, "_")), Type: &kind,
	}}, err
}

// folder is the first one that the configuration has for a machine.
func (c localPathConfig) folder(machine string) (string, error) {
	for _, name := range []string{machine, everyOtherNode} {
		for _, entry := range c.NodePathMap {
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
