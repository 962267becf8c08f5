package workload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

var (
	definitions    = resource("apiextensions.k8s.io", "v1", "customresourcedefinitions")
	ciliumNodes    = resource("cilium.io", "v2", "ciliumnodes")
	gatewayClasses = resource("gateway.networking.k8s.io", "v1", "gatewayclasses")
)

const (
	ciliumController = "io.cilium/gateway-controller"
	crdWait          = 250 * time.Millisecond
)

// ciliumOperator registers the CRDs of its version, as Cilium's chart leaves to it, and accepts the
// GatewayClasses that name it.
func ciliumOperator(ctx context.Context, pod *Pod) error {
	folder := pod.Material("cilium-operator")
	if folder == "" {
		return errors.New("the lab has no CRDs of this Cilium")
	}

	crds, err := readDefinitions(folder)
	if err != nil {
		return err
	}

	for _, crd := range crds {
		if err = register(ctx, pod, crd); err != nil {
			return fmt.Errorf("%s: %w", crd.GetName(), err)
		}
	}

	pod.Ready()

	gateways, err := pod.ciliumSetting(ctx, "enable-gateway-api")
	if err != nil {
		return err
	}

	if gateways != "true" {
		<-ctx.Done()

		return ctx.Err()
	}

	return pod.Follow(ctx, pod.acceptClasses, Watched{gatewayClasses, ""})
}

// ciliumSetting is an entry of the ConfigMap that all of Cilium is configured by.
func (p *Pod) ciliumSetting(ctx context.Context, key string) (string, error) {
	value, _, err := p.File(ctx, "/tmp/cilium/config-map/"+key)

	return string(value), err
}

func readDefinitions(folder string) ([]*unstructured.Unstructured, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		return nil, errors.Join(err, fmt.Errorf("there are no CRDs in %s", folder))
	}

	list := make([]*unstructured.Unstructured, len(files))

	for n, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}

		list[n] = &unstructured.Unstructured{}
		if err = yaml.Unmarshal(raw, &list[n].Object); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}

	return list, nil
}

// register makes or updates a CRD and waits until it is served.
func register(ctx context.Context, pod *Pod, crd *unstructured.Unstructured) error {
	client := pod.Objects.Resource(definitions)

	live, err := client.Get(ctx, crd.GetName(), metav1.GetOptions{})

	switch {
	case apierrors.IsNotFound(err):
		// Of two operators one is first.
		if _, err = client.Create(ctx, crd, metav1.CreateOptions{}); apierrors.IsAlreadyExists(err) {
			err = nil
		}
	case err == nil:
		crd = crd.DeepCopy()
		crd.SetResourceVersion(live.GetResourceVersion())

		if _, err = client.Update(ctx, crd, metav1.UpdateOptions{}); apierrors.IsConflict(err) {
			err = nil
		}
	}

	for err == nil {
		if live, err = client.Get(ctx, crd.GetName(), metav1.GetOptions{}); err == nil && established(live) {
			return nil
		}

		pause(ctx, crdWait)
		err = errors.Join(err, ctx.Err())
	}

	return err
}

func established(crd *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(crd.Object, "status", "conditions")
	for _, entry := range conditions {
		condition, _ := entry.(map[string]any)
		if condition["type"] == string(apiextensionsv1.Established) {
			return condition["status"] == "True"
		}
	}

	return false
}

// acceptClasses sets the condition of GatewayClasses that name Cilium.
func (p *Pod) acceptClasses(ctx context.Context) error {
	client := p.Objects.Resource(gatewayClasses)

	list, err := client.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}

	var problems []error

	for n := range list.Items {
		class := &list.Items[n]
		if name, _, _ := unstructured.NestedString(class.Object, "spec", "controllerName"); name != ciliumController {
			continue
		}

		if setCondition(class, metav1.Condition{
			Type: "Accepted", Status: metav1.ConditionTrue, Reason: "Accepted", Message: "Valid GatewayClass", ObservedGeneration: class.GetGeneration(),
		}) {
			_, err = client.UpdateStatus(ctx, class, metav1.UpdateOptions{})
			problems = append(problems, err)
		}
	}

	return errors.Join(problems...)
}

// ciliumAgent waits for the CRDs that the operator registers and shows its node.
func ciliumAgent(ctx context.Context, pod *Pod) error {
	client := pod.Objects.Resource(ciliumNodes)
	node := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cilium.io/v2", "kind": "CiliumNode",
		"metadata": map[string]any{"name": pod.Spec.NodeName},
		"spec": map[string]any{
			"addresses": []any{map[string]any{"type": "InternalIP", "ip": pod.Status.HostIP}},
		},
	}}

	for {
		_, err := client.Create(ctx, node, metav1.CreateOptions{})
		if err == nil || apierrors.IsAlreadyExists(err) {
			break
		}

		if ctx.Err() != nil {
			return ctx.Err()
		}

		// Until the CRDs are there, there is no such resource.
		if !apierrors.IsNotFound(err) {
			return err
		}

		pause(ctx, crdWait)
	}

	pod.Ready()
	<-ctx.Done()

	return ctx.Err()
}
