package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

const vaultGroup = "vault.banzaicloud.com"

var (
	vaultObjects = resource(vaultGroup, "v1alpha1", "vaults")
	statefulSets = resource("apps", "v1", "statefulsets")
)

// vaultOperator makes of each Vault what runs it: Services, a certificate, the StatefulSet with a keeper of the keys
// beside every member, and what configures it. It says in the status who leads. Options that plinth does not use are
// not there.
func vaultOperator(ctx context.Context, pod *Pod) error {
	namespace, _ := pod.Env("WATCH_NAMESPACE")
	o := &vaultMaker{pod: pod}

	pod.Ready()

	return pod.Follow(ctx, func(ctx context.Context) error {
		list, err := pod.Objects.Resource(vaultObjects).Namespace(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}

		var problems []error
		for n := range list.Items {
			problems = append(problems, o.reconcile(ctx, &list.Items[n]))
		}

		return errors.Join(problems...)
	}, Watched{vaultObjects, namespace}, Watched{statefulSets, namespace}, Watched{resource("", "v1", "pods"), namespace})
}

type vaultMaker struct{ pod *Pod }

// vaultSpec is what of a Vault's fields is used.
type vaultSpec struct {
	Size                 int            `json:"size"`
	Image                string         `json:"image"`
	BankVaultsImage      string         `json:"bankVaultsImage"`
	ServiceAccount       string         `json:"serviceAccount"`
	PodAntiAffinity      string         `json:"podAntiAffinity"`
	VolumeClaimTemplates []any          `json:"volumeClaimTemplates"`
	VolumeMounts         []any          `json:"volumeMounts"`
	Config               map[string]any `json:"config"`
	ExternalConfig       map[string]any `json:"externalConfig"`
	UnsealConfig         struct {
		Kubernetes struct {
			SecretNamespace string `json:"secretNamespace"`
			SecretName      string `json:"secretName"`
		} `json:"kubernetes"`
	} `json:"unsealConfig"`
}

func (o *vaultMaker) reconcile(ctx context.Context, vault *unstructured.Unstructured) error {
	if vault.GetDeletionTimestamp() != nil {
		return nil
	}

	var spec vaultSpec

	if err := specOf(vault, &spec); err != nil {
		return err
	}

	if err := o.keepCertificate(ctx, vault, spec.Size); err != nil {
		return err
	}

	objects, err := vaultParts(vault.GetName(), vault.GetNamespace(), spec)
	if err != nil {
		return err
	}

	for _, object := range objects {
		if err = o.apply(ctx, vault, object); err != nil {
			return fmt.Errorf("%v %v: %w", object["kind"], object["metadata"].(map[string]any)["name"], err)
		}
	}

	return o.report(ctx, vault, spec.Size)
}

// keepCertificate makes the certificate of all members' names once.
func (o *vaultMaker) keepCertificate(ctx context.Context, vault *unstructured.Unstructured, size int) error {
	name, namespace := vault.GetName(), vault.GetNamespace()

	_, err := o.pod.Client.CoreV1().Secrets(namespace).Get(ctx, name+"-tls", metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		return err
	}

	names := []string{name, name + "." + namespace, name + "." + namespace + ".svc.cluster.local"}
	for n := range size {
		names = append(names, fmt.Sprintf("%s-%d", name, n), fmt.Sprintf("%s-%d.%s", name, n, namespace))
	}

	pair, err := issue("Banzai Cloud Generated Root CA", names...)
	if err != nil {
		return err
	}

	return o.apply(ctx, vault, map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": name + "-tls"}, "type": "Opaque",
		"stringData": map[string]any{"ca.crt": string(pair.authority), "server.crt": string(pair.certificate), "server.key": string(pair.key)},
	})
}

var vaultKinds = map[string]schema.GroupVersionResource{
	"Secret": resource("", "v1", "secrets"), "Service": services, "StatefulSet": statefulSets, "Deployment": resource("apps", "v1", "deployments"),
}

func (o *vaultMaker) apply(ctx context.Context, owner *unstructured.Unstructured, fields map[string]any) error {
	yes := true
	object := &unstructured.Unstructured{Object: fields}
	object.SetNamespace(owner.GetNamespace())
	object.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: owner.GetAPIVersion(), Kind: owner.GetKind(), Name: owner.GetName(), UID: owner.GetUID(), Controller: &yes, BlockOwnerDeletion: &yes,
	}})

	_, err := o.pod.Objects.Resource(vaultKinds[object.GetKind()]).Namespace(owner.GetNamespace()).
		Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: "vault-operator", Force: true})

	return err
}

// vaultParts are the objects that run a Vault.
func vaultParts(name, namespace string, spec vaultSpec) ([]map[string]any, error) {
	config, err := json.Marshal(spec.Config)
	if err != nil {
		return nil, err
	}

	external, err := yaml.Marshal(spec.ExternalConfig)
	if err != nil {
		return nil, err
	}

	labels := map[string]any{"app.kubernetes.io/name": "vault", "vault_cr": name}
	configurer := map[string]any{"app.kubernetes.io/name": "vault-configurator", "vault_cr": name}
	unseal := []any{"--mode", "k8s", "--k8s-secret-namespace", spec.UnsealConfig.Kubernetes.SecretNamespace, "--k8s-secret-name", spec.UnsealConfig.Kubernetes.SecretName}
	volume := func(name, secret string) map[string]any {
		return map[string]any{"name": name, "secret": map[string]any{"secretName": secret}}
	}
	mount := func(name, path string) map[string]any { return map[string]any{"name": name, "mountPath": path} }
	variable := func(name, value string) map[string]any { return map[string]any{"name": name, "value": value} }

	parts := []map[string]any{
		secretOf(name+"-raw-config", labels, "vault-config.json", string(config)),
		secretOf(name+"-configurer", configurer, "vault-config.yml", string(external)),
		serviceOf(name, labels, with(labels, "vault-active", "true"), false),
		{
			"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": map[string]any{"name": name, "labels": labels},
			"spec": map[string]any{
				"replicas": int64(spec.Size), "serviceName": name, "podManagementPolicy": "Parallel",
				"selector": map[string]any{"matchLabels": labels}, "volumeClaimTemplates": spec.VolumeClaimTemplates,
				"template": map[string]any{
					"metadata": map[string]any{"labels": labels},
					"spec": map[string]any{
						"serviceAccountName": spec.ServiceAccount, "affinity": apart(labels, spec.PodAntiAffinity),
						"volumes": []any{volume("vault-raw-config", name+"-raw-config"), volume("vault-tls", name+"-tls")},
						"containers": []any{
							map[string]any{
								"name": "vault", "image": spec.Image, "args": []any{"server"},
								"volumeMounts":   append([]any{mount("vault-raw-config", "/vault/config"), mount("vault-tls", "/vault/tls")}, spec.VolumeMounts...),
								"ports":          []any{map[string]any{"name": "api-port", "containerPort": int64(vaultPort)}, map[string]any{"name": "cluster-port", "containerPort": int64(8201)}},
								"readinessProbe": map[string]any{"httpGet": map[string]any{"scheme": "HTTPS", "port": "api-port", "path": "/v1/sys/health?standbyok=true&perfstandbyok=true"}},
							},
							map[string]any{
								"name": "bank-vaults", "image": spec.BankVaultsImage, "command": []any{"bank-vaults", "unseal", "--init"}, "args": unseal,
								"env": []any{variable("VAULT_ADDR", "https://127.0.0.1:8200")}, "volumeMounts": []any{mount("vault-tls", "/vault/tls")},
							},
						},
					},
				},
			},
		},
		{
			"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": name + "-configurer", "labels": configurer},
			"spec": map[string]any{
				"selector": map[string]any{"matchLabels": configurer},
				"template": map[string]any{
					"metadata": map[string]any{"labels": configurer},
					"spec": map[string]any{
						"serviceAccountName": spec.ServiceAccount,
						"volumes":            []any{volume("config", name+"-configurer"), volume("vault-tls", name+"-tls")},
						"containers": []any{map[string]any{
							"name": "bank-vaults", "image": spec.BankVaultsImage, "command": []any{"bank-vaults", "configure"},
							"args":         append(unseal, "--vault-config-file", "/config/"+name+"-configurer/vault-config.yml"),
							"env":          []any{variable("VAULT_ADDR", "https://"+name+"."+namespace+":8200")},
							"volumeMounts": []any{mount("config", "/config/"+name+"-configurer"), mount("vault-tls", "/vault/tls")},
						}},
					},
				},
			},
		},
	}

	for n := range spec.Size {
		member := fmt.Sprintf("%s-%d", name, n)
		parts = append(parts, serviceOf(member, labels, with(labels, "statefulset.kubernetes.io/pod-name", member), true))
	}

	return parts, nil
}

func secretOf(name string, labels map[string]any, key, text string) map[string]any {
	return map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": name, "labels": labels}, "stringData": map[string]any{key: text},
	}
}

func serviceOf(name string, labels, selector map[string]any, early bool) map[string]any {
	return map[string]any{
		"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": name, "labels": labels},
		"spec": map[string]any{
			"selector": selector, "publishNotReadyAddresses": early,
			"ports": []any{
				map[string]any{"name": "api-port", "port": int64(vaultPort), "protocol": "TCP"},
				map[string]any{"name": "cluster-port", "port": int64(8201), "protocol": "TCP"},
			},
		},
	}
}

func with(labels map[string]any, key, value string) map[string]any {
	more := map[string]any{key: value}
	for name, each := range labels {
		more[name] = each
	}

	return more
}

// apart keeps members on machines of their own.
func apart(labels map[string]any, key string) map[string]any {
	if key == "" {
		return map[string]any{}
	}

	return map[string]any{"podAntiAffinity": map[string]any{"requiredDuringSchedulingIgnoredDuringExecution": []any{
		map[string]any{"labelSelector": map[string]any{"matchLabels": labels}, "topologyKey": key},
	}}}
}

// report writes which members there are, who leads, and whether all of them are healthy.
func (o *vaultMaker) report(ctx context.Context, vault *unstructured.Unstructured, size int) error {
	pods, err := o.pod.Client.CoreV1().Pods(vault.GetNamespace()).List(ctx, metav1.ListOptions{
		LabelSelector: "app.kubernetes.io/name=vault,vault_cr=" + vault.GetName(),
	})
	if err != nil {
		return err
	}

	nodes := []any{}
	for _, pod := range pods.Items {
		nodes = append(nodes, pod.Name)
	}

	leader, problem := "", ""

	for n := range size {
		member := fmt.Sprintf("%s-%d", vault.GetName(), n)
		client := &vaultClient{pod: o.pod, address: fmt.Sprintf("https://%s.%s:8200", member, vault.GetNamespace())}

		// A sealed one answers, and is a standby.
		var health struct{ Standby bool }
		if _, err = client.call(ctx, http.MethodGet, "sys/health", nil, &health); err != nil {
			problem = err.Error()

			break
		}

		if !health.Standby {
			leader = member
		}
	}

	condition := map[string]any{"type": "Healthy", "status": "False", "error": problem}
	if leader != "" && problem == "" {
		condition = map[string]any{"type": "Healthy", "status": "True"}
	}

	status := map[string]any{"nodes": nodes, "leader": leader, "conditions": []any{condition}}

	if !reflect.DeepEqual(vault.Object["status"], status) {
		vault.Object["status"] = status

		// It has no status of its own: the whole object is written.
		if _, err = o.pod.Objects.Resource(vaultObjects).Namespace(vault.GetNamespace()).Update(ctx, vault, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}

	switch {
	case problem != "":
		return errors.New(problem)
	case leader == "":
		return errors.New("no member leads yet")
	default:
		return nil
	}
}
