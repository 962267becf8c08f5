package workload

import (
	"net/netip"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func poolObject(name string, auto any, addresses ...any) *unstructured.Unstructured {
	spec := map[string]any{"addresses": addresses}
	if auto != nil {
		spec["autoAssign"] = auto
	}

	return &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": name}, "spec": spec}}
}

func mustPool(t *testing.T, object *unstructured.Unstructured) pool {
	t.Helper()

	p, err := readPool(object)
	if err != nil {
		t.Fatal(err)
	}

	return p
}

func balancer(annotations map[string]string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", Annotations: annotations},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, ClusterIP: "10.96.0.9"},
	}
}

func TestPoolsAreRefusedWithTheReason(t *testing.T) {
	for text, object := range map[string]*unstructured.Unstructured{
		"invalid CIDR":      poolObject("a", nil, "10.0.0.300-10.0.0.301"),
		"10.0.0.9-10.0.0.2": poolObject("a", nil, "10.0.0.9-10.0.0.2"),
		"overlaps with already defined CIDR \"10.0.0.0/30\"": poolObject("a", nil, "10.0.0.0/30", "10.0.0.3-10.0.0.9"),
	} {
		if _, err := readPool(object); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("want %q, got %v", text, err)
		}
	}

	one := mustPool(t, poolObject("one", nil, "10.0.0.0/28"))
	if err := one.apart(mustPool(t, poolObject("two", nil, "10.0.0.15-10.0.0.20"))); err == nil || !strings.Contains(err.Error(), `in pool "one"`) {
		t.Errorf("pools that share 10.0.0.15 are taken: %v", err)
	}

	if err := one.apart(mustPool(t, poolObject("two", nil, "10.0.0.16/28"))); err != nil {
		t.Error(err)
	}
}

func TestAServiceGetsTheFirstFreeAddressOfItsPool(t *testing.T) {
	pools := []pool{
		mustPool(t, poolObject("closed", false, "10.0.0.1-10.0.0.2")),
		mustPool(t, poolObject("open", nil, "10.0.1.1-10.0.1.2")),
	}
	taken := map[netip.Addr]bool{netip.MustParseAddr("10.0.1.1"): true}

	service := balancer(nil)
	if changed, err := place(service, pools, taken); !changed || err != nil {
		t.Fatal(changed, err)
	}

	if got := service.Status.LoadBalancer.Ingress[0].IP; got != "10.0.1.2" || service.Annotations[allocatedAnnotation] != "open" {
		t.Errorf("got %s of %s", got, service.Annotations[allocatedAnnotation])
	}

	if changed, err := place(service, pools, taken); changed || err != nil {
		t.Errorf("an address that is still good is changed: %v", err)
	}

	if _, err := place(balancer(nil), pools, taken); err == nil || !strings.Contains(err.Error(), "no available IPs") {
		t.Errorf("a pool without free addresses gives one: %v", err)
	}

	chosen := balancer(map[string]string{poolAnnotation: "closed"})
	if _, err := place(chosen, pools, taken); err != nil || chosen.Status.LoadBalancer.Ingress[0].IP != "10.0.0.1" {
		t.Errorf("a pool that is asked for by name: %v %v", chosen.Status.LoadBalancer.Ingress, err)
	}

	wished := balancer(map[string]string{addressAnnotation: "10.0.0.2"})
	if _, err := place(wished, pools, taken); err != nil || wished.Status.LoadBalancer.Ingress[0].IP != "10.0.0.2" {
		t.Errorf("an address that is asked for: %v %v", wished.Status.LoadBalancer.Ingress, err)
	}
}

func TestAnAddressOutsideEveryPoolIsGivenUp(t *testing.T) {
	service := balancer(nil)
	service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "10.0.9.9"}}
	pools := []pool{mustPool(t, poolObject("open", nil, "10.0.1.1/32"))}

	changed, err := place(service, pools, map[netip.Addr]bool{netip.MustParseAddr("10.0.9.9"): true})
	if !changed || err != nil || service.Status.LoadBalancer.Ingress[0].IP != "10.0.1.1" {
		t.Errorf("got %v %v", service.Status.LoadBalancer.Ingress, err)
	}
}
