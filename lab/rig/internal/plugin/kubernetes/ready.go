package kubernetes

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plinth.dev/lab/rig/internal/plugin/property"
)

const (
	workloadLimit = 10 * time.Minute
	volumeLimit   = 5 * time.Minute
)

// verdict is the state of one object.
type verdict struct {
	ready   bool
	failed  bool // waiting longer changes nothing
	reasons []string
}

type readiness func(context.Context, *cluster, *unstructured.Unstructured) verdict

var readinessByKind = map[string]readiness{
	"Deployment.apps":           deploymentReady,
	"StatefulSet.apps":          statefulSetReady,
	"DaemonSet.apps":            daemonSetReady,
	"Job.batch":                 jobReady,
	"Pod":                       podReady,
	"Service":                   serviceReady,
	"Ingress.networking.k8s.io": ingressReady,
	"PersistentVolumeClaim":     claimReady,
	"PersistentVolume":          volumeReady,
	"CustomResourceDefinition.apiextensions.k8s.io": conditionReady("Established"),
	"APIService.apiregistration.k8s.io":             conditionReady("Available"),
}

// readinessOf finds how a kind becomes ready and how long that may take; nil means at once.
func readinessOf(live *unstructured.Unstructured) (readiness, time.Duration) {
	limit := workloadLimit
	switch live.GetKind() {
	case "PersistentVolumeClaim", "PersistentVolume":
		limit = volumeLimit
	}
	return readinessByKind[live.GroupVersionKind().GroupKind().String()], limit
}

func ready(yes bool, reasons ...string) verdict {
	if yes {
		return verdict{ready: true}
	}
	return verdict{reasons: reasons}
}

func number(live *unstructured.Unstructured, path ...string) int64 {
	n, _, _ := unstructured.NestedInt64(live.Object, path...)
	return n
}

func text(live *unstructured.Unstructured, path ...string) string {
	s, _, _ := unstructured.NestedString(live.Object, path...)
	return s
}

func wanted(live *unstructured.Unstructured) int64 {
	n, found, _ := unstructured.NestedInt64(live.Object, "spec", "replicas")
	if !found {
		return 1
	}
	return n
}

func observed(live *unstructured.Unstructured) bool {
	return number(live, "status", "observedGeneration") >= live.GetGeneration()
}

// condition finds one of an object's conditions.
func condition(live *unstructured.Unstructured, kind string) (status, reason, message string) {
	list, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions")
	for _, item := range list {
		if entry, ok := item.(property.Map); ok && property.String(entry, "type") == kind {
			return property.String(entry, "status"), property.String(entry, "reason"), property.String(entry, "message")
		}
	}
	return "", "", ""
}

func conditionReady(kind string) readiness {
	return func(_ context.Context, _ *cluster, live *unstructured.Unstructured) verdict {
		status, reason, message := condition(live, kind)
		return ready(status == "True", fmt.Sprintf("[%s] %s", reason, message))
	}
}

func deploymentReady(_ context.Context, _ *cluster, live *unstructured.Unstructured) verdict {
	replicas := wanted(live)
	available := number(live, "status", "availableReplicas")
	_, progress, _ := condition(live, "Progressing")
	done := observed(live) && (progress == "NewReplicaSetAvailable" || replicas == 0) &&
		number(live, "status", "updatedReplicas") >= replicas && number(live, "status", "replicas") <= replicas &&
		available >= replicas
	var reasons []string
	if status, reason, message := condition(live, "Available"); status == "False" {
		reasons = append(reasons, fmt.Sprintf("[%s] %s", reason, message))
	}
	if status, reason, message := condition(live, "Progressing"); status == "False" {
		reasons = append(reasons, fmt.Sprintf("[%s] %s", reason, message))
	}
	return ready(done, append(reasons, "Minimum number of live Pods was not attained")...)
}

func statefulSetReady(_ context.Context, _ *cluster, live *unstructured.Unstructured) verdict {
	replicas := wanted(live)
	current, update := text(live, "status", "currentRevision"), text(live, "status", "updateRevision")
	done := observed(live) && number(live, "status", "readyReplicas") >= replicas &&
		(current == update || text(live, "spec", "updateStrategy", "type") == "OnDelete")
	return ready(done, fmt.Sprintf("%d out of %d replicas succeeded readiness checks", number(live, "status", "readyReplicas"), replicas))
}

func daemonSetReady(_ context.Context, _ *cluster, live *unstructured.Unstructured) verdict {
	desired := number(live, "status", "desiredNumberScheduled")
	available := number(live, "status", "numberAvailable")
	updated := number(live, "status", "updatedNumberScheduled") >= desired || text(live, "spec", "updateStrategy", "type") == "OnDelete"
	return ready(observed(live) && updated && available >= desired,
		fmt.Sprintf("%d out of %d Pods are available", available, desired))
}

func jobReady(_ context.Context, _ *cluster, live *unstructured.Unstructured) verdict {
	if status, reason, message := condition(live, "Failed"); status == "True" {
		return verdict{failed: true, reasons: []string{fmt.Sprintf("[%s] %s", reason, message)}}
	}
	status, _, _ := condition(live, "Complete")
	return ready(status == "True")
}

func podReady(_ context.Context, _ *cluster, live *unstructured.Unstructured) verdict {
	status, _, _ := condition(live, "Ready")
	return ready(status == "True" || text(live, "status", "phase") == "Succeeded")
}

const (
	noTargets = "Service does not target any Pods. Selected Pods may not be ready, or field '.spec.selector' may not match labels on any Pods"
	noAddress = "Service was not allocated an IP address; does your cloud provider support this?"
)

var endpointSlices = schema.GroupVersionKind{Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice"}

// settleTime is how long a selector may match nothing before that is taken for intended.
const settleTime = 10 * time.Second

func serviceReady(ctx context.Context, c *cluster, live *unstructured.Unstructured) verdict {
	kind := text(live, "spec", "type")
	selector, _, _ := unstructured.NestedStringMap(live.Object, "spec", "selector")
	needsTargets := len(selector) > 0 && kind != "ExternalName" && text(live, "spec", "clusterIP") != "None"
	endpoints, targets := countTargets(ctx, c, live)
	settled := endpoints == 0 && time.Since(live.GetCreationTimestamp().Time) > settleTime
	var reasons []string
	if targets == 0 && (needsTargets || kind == "LoadBalancer") {
		reasons = append(reasons, noTargets)
	}
	addresses, _, _ := unstructured.NestedSlice(live.Object, "status", "loadBalancer", "ingress")
	addressed := kind != "LoadBalancer" || len(addresses) > 0
	if !addressed {
		reasons = append(reasons, noAddress)
	}
	return ready(addressed && (targets > 0 || settled || !needsTargets), reasons...)
}

// countTargets counts a Service's endpoints, and those that are ready.
func countTargets(ctx context.Context, c *cluster, service *unstructured.Unstructured) (all, readyOnes int) {
	client, err := c.client(endpointSlices, service.GetNamespace())
	if err != nil {
		return 0, 0
	}
	slices, err := client.List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + service.GetName()})
	if err != nil {
		return 0, 0
	}
	for _, slice := range slices.Items {
		endpoints, _, _ := unstructured.NestedSlice(slice.Object, "endpoints")
		for _, endpoint := range endpoints {
			all++
			if entry, ok := endpoint.(property.Map); ok && property.Bool(property.Object(entry, "conditions"), "ready") {
				readyOnes++
			}
		}
	}
	return all, readyOnes
}

func ingressReady(_ context.Context, _ *cluster, live *unstructured.Unstructured) verdict {
	addresses, _, _ := unstructured.NestedSlice(live.Object, "status", "loadBalancer", "ingress")
	return ready(len(addresses) > 0, "Ingress .status.loadBalancer field was not updated with a hostname/IP address.")
}

var storageClasses = schema.GroupVersionKind{Group: "storage.k8s.io", Version: "v1", Kind: "StorageClass"}

// claimReady takes a pending claim for ready when its class binds only once a Pod uses it.
func claimReady(ctx context.Context, c *cluster, live *unstructured.Unstructured) verdict {
	phase := text(live, "status", "phase")
	if phase == "Bound" {
		return verdict{ready: true}
	}
	if class := text(live, "spec", "storageClassName"); class != "" {
		client, err := c.client(storageClasses, "")
		if err == nil {
			found, err := client.Get(ctx, class, metav1.GetOptions{})
			if err == nil && text(found, "volumeBindingMode") == "WaitForFirstConsumer" {
				return verdict{ready: true}
			}
		}
	}
	return verdict{reasons: []string{"PVC is in phase " + phase}}
}

func volumeReady(_ context.Context, _ *cluster, live *unstructured.Unstructured) verdict {
	phase := text(live, "status", "phase")
	return ready(phase == "Available" || phase == "Bound", "PV is in phase "+phase)
}
