package cluster

import (
	_ "embed"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"go.yaml.in/yaml/v4"

	"plinth.dev/lab/rig/internal/machine"
	"plinth.dev/lab/rig/internal/pki"
	"plinth.dev/lab/rig/internal/process"
	"plinth.dev/lab/rig/internal/settings"
	"plinth.dev/lab/rig/internal/workload"
)

// smallEnvironment keeps the helpers of a cluster small.
var smallEnvironment = []string{"GOGC=40", "GOMEMLIMIT=128MiB", "GOMAXPROCS=2"}

//go:embed stages.yaml
var stages string

// podStages are the stages with the images that programs stand for: their pods get ready, and their Jobs
// done, by the program.
func podStages() []byte {
	return []byte(strings.ReplaceAll(stages, "@PROGRAMS@", workload.ImagePattern()))
}

func controllerManagerCommand(s *machine.Session, cfg config.Provider, path string) (*process.Command, error) {
	dir := filepath.Join(s.RunDir(), "kube-controller-manager")

	inputs := fingerprint(string(settings.KubernetesCA(cfg).Crt), settings.ServiceAccountKey(cfg))

	err := writeOnce(dir, inputs, func() (files, error) {
		out := files{"ca.crt": settings.KubernetesCA(cfg).Crt, "ca.key": settings.KubernetesCA(cfg).Key}
		if err := addServiceAccount(out, settings.ServiceAccountKey(cfg)); err != nil {
			return nil, err
		}

		return out, addKubeconfig(out, s, cfg, pki.Leaf{Name: "system:kube-controller-manager", Usage: pki.ClientAuth})
	})
	if err != nil {
		return nil, err
	}

	in := func(name string) []string { return []string{filepath.Join(dir, name)} }

	args := map[string][]string{
		"allocate-node-cidrs":              {"true"},
		"authentication-kubeconfig":        in("kubeconfig"),
		"authorization-kubeconfig":         in("kubeconfig"),
		"bind-address":                     {s.Spec.Address},
		"cluster-cidr":                     {joined(settings.Prefixes(settings.Network(cfg).PodCIDRs()))},
		"cluster-signing-cert-file":        in("ca.crt"),
		"cluster-signing-key-file":         in("ca.key"),
		"configure-cloud-routes":           {"false"},
		"controllers":                      {"*,tokencleaner"},
		"kubeconfig":                       in("kubeconfig"),
		"leader-elect":                     {"false"},
		"profiling":                        {"false"},
		"root-ca-file":                     in("ca.crt"),
		"service-account-private-key-file": in("service-account.key"),
		"service-cluster-ip-range":         {joined(settings.Prefixes(settings.Network(cfg).ServiceCIDRs()))},
		"use-service-account-credentials":  {"true"},
	}

	denied := []string{
		"cluster-signing-cert-file", "cluster-signing-key-file", "authentication-kubeconfig", "authorization-kubeconfig",
		"root-ca-file", "service-account-private-key-file",
	}

	if err = merge(args, cfg.K8sControllerManagerConfig().ExtraArgs(), []string{"service-cluster-ip-range", "controllers", "feature-gates"}, denied); err != nil {
		return nil, err
	}

	return &process.Command{
		Path: path, Args: flags(args), Inputs: inputs,
		Env: append(environment(cfg.K8sControllerManagerConfig().Env()), smallEnvironment...),
	}, nil
}

func schedulerCommand(s *machine.Session, cfg config.Provider, path string) (*process.Command, error) {
	dir := filepath.Join(s.RunDir(), "kube-scheduler")

	document := map[string]any{"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}
	maps.Copy(document, cfg.K8sSchedulerConfig().Config())
	document["clientConnection"] = map[string]any{"kubeconfig": filepath.Join(dir, "kubeconfig")}
	document["leaderElection"] = map[string]any{"leaderElect": false}

	rendered, err := yaml.Marshal(document)
	if err != nil {
		return nil, err
	}

	inputs := fingerprint(string(settings.KubernetesCA(cfg).Crt), string(rendered))

	err = writeOnce(dir, inputs, func() (files, error) {
		out := files{"config.yaml": rendered}

		return out, addKubeconfig(out, s, cfg, pki.Leaf{Name: "system:kube-scheduler", Usage: pki.ClientAuth})
	})
	if err != nil {
		return nil, err
	}

	in := func(name string) []string { return []string{filepath.Join(dir, name)} }

	args := map[string][]string{
		"authentication-kubeconfig": in("kubeconfig"),
		"authorization-kubeconfig":  in("kubeconfig"),
		"bind-address":              {s.Spec.Address},
		"config":                    in("config.yaml"),
		"profiling":                 {"false"},
	}

	denied := []string{"kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig", "config"}
	if err = merge(args, cfg.K8sSchedulerConfig().ExtraArgs(), []string{"feature-gates"}, denied); err != nil {
		return nil, err
	}

	return &process.Command{
		Path: path, Args: flags(args), Inputs: inputs,
		Env: append(environment(cfg.K8sSchedulerConfig().Env()), smallEnvironment...),
	}, nil
}

// kwokCommand plays the container runtimes of all machines: it moves pods through their lives.
// Nodes themselves are kept by their machines.
func kwokCommand(s *machine.Session, cfg config.Provider, path string) (*process.Command, error) {
	dir := filepath.Join(s.RunDir(), "kwok")
	inputs := fingerprint(string(settings.KubernetesCA(cfg).Crt), string(podStages()))

	err := writeOnce(dir, inputs, func() (files, error) {
		out := files{"stages.yaml": podStages()}

		return out, addKubeconfig(out, s, cfg, pki.Leaf{Name: "runtime", Organizations: []string{"system:masters"}, Usage: pki.ClientAuth})
	})
	if err != nil {
		return nil, err
	}

	return &process.Command{
		Path: path, Inputs: inputs, Env: append([]string{"HOME=" + dir}, smallEnvironment...),
		Args: flags(map[string][]string{
			"config":                                {filepath.Join(dir, "stages.yaml")},
			"kubeconfig":                            {filepath.Join(dir, "kubeconfig")},
			"manage-nodes-with-annotation-selector": {nodeAnnotation + "=" + nodeAnnotationValue},
			"node-lease-duration-seconds":           {"0"},
		}),
	}, nil
}

func addKubeconfig(out files, s *machine.Session, cfg config.Provider, who pki.Leaf) error {
	raw, err := kubeconfig(cfg, apiServerAddress(s, cfg), settings.ClusterName(cfg), who.Name, who)
	out["kubeconfig"] = raw

	return err
}

// writeOnce renders a program's files when what they are made from has changed.
func writeOnce(dir, inputs string, render func() (files, error)) error {
	stamp := filepath.Join(dir, "inputs")
	if raw, err := os.ReadFile(stamp); err == nil && string(raw) == inputs {
		return nil
	}

	out, err := render()
	if err != nil {
		return err
	}

	if err = out.write(dir); err != nil {
		return err
	}

	return os.WriteFile(stamp, []byte(inputs), 0o600)
}

func environment(env map[string]string) []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, fmt.Sprintf("%s=%s", name, env[name]))
	}

	return list
}

func joined(list []string) string { return strings.Join(list, ",") }
