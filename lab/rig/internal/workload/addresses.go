package workload

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	poolAnnotation      = "metallb.io/address-pool"
	addressAnnotation   = "metallb.io/loadBalancerIPs"
	allocatedAnnotation = "metallb.io/ip-allocated-from-pool"
)

// pool is an IPAddressPool as far as giving out addresses goes.
type pool struct {
	name       string
	ranges     []addressRange
	autoAssign bool
}

type addressRange struct {
	text        string
	first, last netip.Addr
}

func readPool(object *unstructured.Unstructured) (pool, error) {
	addresses, _, err := unstructured.NestedStringSlice(object.Object, "spec", "addresses")
	if err != nil {
		return pool{}, err
	}

	auto, said, _ := unstructured.NestedBool(object.Object, "spec", "autoAssign")
	p := pool{name: object.GetName(), autoAssign: auto || !said}

	for _, text := range addresses {
		parsed, err := parseRange(text)
		if err != nil {
			return pool{}, fmt.Errorf("invalid CIDR %q in pool %q: %w", text, p.name, err)
		}

		for _, other := range p.ranges {
			if parsed.overlaps(other) {
				return pool{}, fmt.Errorf("CIDR %q in pool %q overlaps with already defined CIDR %q", text, p.name, other.text)
			}
		}

		p.ranges = append(p.ranges, parsed)
	}

	return p, nil
}

func parseRange(text string) (addressRange, error) {
	if from, to, both := strings.Cut(text, "-"); both {
		first, errFirst := netip.ParseAddr(strings.TrimSpace(from))
		last, errLast := netip.ParseAddr(strings.TrimSpace(to))

		if err := errors.Join(errFirst, errLast); err != nil {
			return addressRange{}, err
		}

		if last.Less(first) || first.Is4() != last.Is4() {
			return addressRange{}, fmt.Errorf("invalid IP range %q", text)
		}

		return addressRange{text, first, last}, nil
	}

	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return addressRange{}, err
	}

	return addressRange{text, prefix.Masked().Addr(), lastOf(prefix)}, nil
}

func lastOf(prefix netip.Prefix) netip.Addr {
	bytes := prefix.Masked().Addr().AsSlice()
	for bit := prefix.Bits(); bit < len(bytes)*8; bit++ {
		bytes[bit/8] |= 0x80 >> (bit % 8)
	}

	last, _ := netip.AddrFromSlice(bytes)

	return last
}

func (r addressRange) overlaps(other addressRange) bool {
	return !r.last.Less(other.first) && !other.last.Less(r.first)
}

func (r addressRange) holds(address netip.Addr) bool {
	return !address.Less(r.first) && !r.last.Less(address)
}

// apart says which range another pool has too.
func (p pool) apart(other pool) error {
	for _, mine := range p.ranges {
		for _, theirs := range other.ranges {
			if mine.overlaps(theirs) {
				return fmt.Errorf("CIDR %q in pool %q overlaps with already defined CIDR %q", mine.text, p.name, theirs.text)
			}
		}
	}

	return nil
}

func (p pool) holds(address netip.Addr) bool {
	return slices.ContainsFunc(p.ranges, func(r addressRange) bool { return r.holds(address) })
}

// free is the first address that nobody has.
func (p pool) free(taken map[netip.Addr]bool) (netip.Addr, bool) {
	for _, r := range p.ranges {
		for address := r.first; r.holds(address); address = address.Next() {
			if !taken[address] {
				return address, true
			}
		}
	}

	return netip.Addr{}, false
}

// assign gives every Service of type LoadBalancer an address of a pool it may have one of; who has one
// keeps it as long as the pools allow.
func (m *metallb) assign(ctx context.Context) error {
	pools, err := m.pools(ctx)
	if err != nil {
		return err
	}

	list, err := m.pod.Client.CoreV1().Services("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}

	slices.SortFunc(list.Items, func(a, b corev1.Service) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })

	taken := map[netip.Addr]bool{}

	for n := range list.Items {
		if address, ok := addressOf(&list.Items[n]); ok {
			taken[address] = true
		}
	}

	var problems []error

	for n := range list.Items {
		service := &list.Items[n]
		if !m.serves(service) {
			continue
		}

		changed, err := place(service, pools, taken)
		if changed {
			_, failed := m.pod.Client.CoreV1().Services(service.Namespace).UpdateStatus(ctx, service, metav1.UpdateOptions{})
			err = errors.Join(err, failed)
		}

		problems = append(problems, err)
	}

	return errors.Join(problems...)
}

func (m *metallb) serves(service *corev1.Service) bool {
	if service.Spec.Type != corev1.ServiceTypeLoadBalancer || service.Spec.ClusterIP == "" {
		return false
	}

	if service.Spec.LoadBalancerClass == nil {
		return m.class == ""
	}

	return *service.Spec.LoadBalancerClass == m.class
}

func addressOf(service *corev1.Service) (netip.Addr, bool) {
	for _, entry := range service.Status.LoadBalancer.Ingress {
		if address, err := netip.ParseAddr(entry.IP); err == nil {
			return address, true
		}
	}

	return netip.Addr{}, false
}

// place sets the status of a Service to the address it gets, and says whether that is new.
func place(service *corev1.Service, pools []pool, taken map[netip.Addr]bool) (bool, error) {
	candidates := slices.DeleteFunc(slices.Clone(pools), func(p pool) bool {
		asked := service.Annotations[poolAnnotation]
		if asked != "" {
			return p.name != asked
		}

		return !p.autoAssign && wish(service) == ""
	})

	if address, ok := addressOf(service); ok {
		kept := slices.ContainsFunc(candidates, func(p pool) bool { return p.holds(address) })
		if kept && (wish(service) == "" || wish(service) == address.String()) {
			return false, nil
		}

		delete(taken, address)
		clearAddress(service)

		_, err := choose(service, candidates, taken)

		return true, err
	}

	return choose(service, candidates, taken)
}

func wish(service *corev1.Service) string {
	if asked := service.Annotations[addressAnnotation]; asked != "" {
		return asked
	}

	return service.Spec.LoadBalancerIP //nolint:staticcheck // MetalLB still honours it
}

func choose(service *corev1.Service, candidates []pool, taken map[netip.Addr]bool) (bool, error) {
	name := service.Namespace + "/" + service.Name
	asked := wish(service)

	for _, p := range candidates {
		address, found := p.free(taken)

		if asked != "" {
			parsed, err := netip.ParseAddr(asked)
			if err != nil {
				return false, fmt.Errorf("%s: %q is no IP address", name, asked)
			}

			address, found = parsed, p.holds(parsed) && !taken[parsed]
		}

		if !found {
			continue
		}

		taken[address] = true
		mode := corev1.LoadBalancerIPModeVIP
		service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: address.String(), IPMode: &mode}}

		if service.Annotations == nil {
			service.Annotations = map[string]string{}
		}

		service.Annotations[allocatedAnnotation] = p.name

		return true, nil
	}

	return false, fmt.Errorf("%s: no available IPs", name)
}

func clearAddress(service *corev1.Service) {
	service.Status.LoadBalancer.Ingress = nil
	delete(service.Annotations, allocatedAnnotation)
}
