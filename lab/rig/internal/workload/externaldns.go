package workload

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	hostnameAnnotation = "external-dns.alpha.kubernetes.io/hostname"
	externalDNSTTL     = 300
)

// externalDNS keeps records in PowerDNS for Ingresses and for Services of type LoadBalancer that name a host, and
// marks them as its own. Other sources, providers and targets that are no IPv4 address are not there.
func externalDNS(ctx context.Context, pod *Pod) error {
	key, _, err := pod.Variable(ctx, "EXTERNAL_DNS_PDNS_API_KEY")
	if err != nil {
		return err
	}

	e := &recordKeeper{
		powerDNSClient: powerDNSClient{pod: pod, server: pod.Flag("pdns-server"), key: key}, owner: pod.Flag("txt-owner-id"),
		domains: pod.Flags("domain-filter"), sources: pod.Flags("source"), sync: pod.Flag("policy") == "sync",
	}
	if pod.Flag("provider") != "pdns" {
		return errors.New("only records in PowerDNS can be kept here: use --provider=pdns")
	}

	for _, source := range e.sources {
		if source != "service" && source != "ingress" {
			return fmt.Errorf("the lab does not read the source %q", source)
		}
	}

	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("OK")) })

	return together(ctx,
		func(ctx context.Context) error { return pod.serveHTTP(ctx, pod.Port("http", 7979), mux) },
		func(ctx context.Context) error {
			return pod.Follow(ctx, e.keep, Watched{services, ""}, Watched{resource("networking.k8s.io", "v1", "ingresses"), ""})
		})
}

type recordKeeper struct {
	powerDNSClient

	owner            string
	domains, sources []string
	sync             bool
}

// wantedRecord is the addresses of a host, and the object that has them.
type wantedRecord struct {
	addresses []string
	from      string
}

func (e *recordKeeper) keep(ctx context.Context) error {
	wanted, err := e.wanted(ctx)
	if err != nil {
		return err
	}

	var list []shownZone
	if err = e.call(ctx, http.MethodGet, "/zones", nil, &list); err != nil {
		return err
	}

	var problems []error

	for _, zone := range list {
		if len(e.domains) > 0 && !slices.ContainsFunc(e.domains, func(domain string) bool { return lies(zone.Name, absolute(domain)) }) {
			continue
		}

		if err = e.call(ctx, http.MethodGet, "/zones/"+zone.ID, nil, &zone); err == nil {
			if changes := e.changes(zone, wanted); len(changes) > 0 {
				err = e.call(ctx, http.MethodPatch, "/zones/"+zone.ID, map[string]any{"rrsets": changes}, nil)
			}
		}

		problems = append(problems, err)
	}

	return errors.Join(problems...)
}

// wanted is every host that an object of the sources names and has an address for.
func (e *recordKeeper) wanted(ctx context.Context) (map[string]wantedRecord, error) {
	wanted := map[string]wantedRecord{}

	if slices.Contains(e.sources, "service") {
		list, err := e.pod.Client.CoreV1().Services("").List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}

		for _, one := range list.Items {
			for _, entry := range one.Status.LoadBalancer.Ingress {
				want(wanted, "service/"+one.Namespace+"/"+one.Name, entry.IP, strings.Split(one.Annotations[hostnameAnnotation], ",")...)
			}
		}
	}

	if slices.Contains(e.sources, "ingress") {
		list, err := e.pod.Client.NetworkingV1().Ingresses("").List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}

		for _, one := range list.Items {
			for _, entry := range one.Status.LoadBalancer.Ingress {
				for _, rule := range one.Spec.Rules {
					want(wanted, "ingress/"+one.Namespace+"/"+one.Name, entry.IP, rule.Host)
				}
			}
		}
	}

	return wanted, nil
}

func want(wanted map[string]wantedRecord, from, address string, hosts ...string) {
	for _, host := range hosts {
		if host = strings.TrimSpace(host); host == "" || net.ParseIP(address).To4() == nil {
			continue
		}

		record := wanted[absolute(host)]
		record.from = from

		if !slices.Contains(record.addresses, address) {
			record.addresses = append(record.addresses, address)
		}

		wanted[absolute(host)] = record
	}
}

// changes bring a zone to what is wanted; a record without this owner's mark is somebody else's.
func (e *recordKeeper) changes(zone shownZone, wanted map[string]wantedRecord) []recordSet {
	present := map[recordKey]recordSet{}
	for _, set := range zone.Sets {
		present[recordKey{set.Name, set.Type}] = set
	}

	var changes []recordSet

	for _, host := range slices.Sorted(maps.Keys(wanted)) {
		if !lies(host, zone.Name) {
			continue
		}

		record := wanted[host]
		set, there := present[recordKey{host, "A"}]

		if there && (!e.owns(present, host) || slices.EqualFunc(set.Records, record.addresses, func(r recordText, address string) bool { return r.Content == address })) {
			continue
		}

		note := fmt.Sprintf(`"heritage=external-dns,external-dns/owner=%s,external-dns/resource=%s"`, e.owner, record.from)
		changes = append(changes, replacing(host, "A", record.addresses...), replacing(mark(host), "TXT", note))
	}

	for key := range present {
		if _, still := wanted[key.name]; e.sync && key.kind == "A" && !still && e.owns(present, key.name) {
			changes = append(changes, recordSet{Name: key.name, Type: "A", ChangeType: "DELETE"}, recordSet{Name: mark(key.name), Type: "TXT", ChangeType: "DELETE"})
		}
	}

	return changes
}

func replacing(name, kind string, contents ...string) recordSet {
	set := recordSet{Name: name, Type: kind, TTL: externalDNSTTL, ChangeType: "REPLACE"}
	for _, content := range contents {
		set.Records = append(set.Records, recordText{Content: content})
	}

	return set
}

// mark is the name of the text that says whose a host's addresses are.
func mark(host string) string { return "a-" + host }

func (e *recordKeeper) owns(present map[recordKey]recordSet, host string) bool {
	return slices.ContainsFunc(present[recordKey{mark(host), "TXT"}].Records, func(r recordText) bool {
		return strings.Contains(r.Content, "external-dns/owner="+e.owner+",")
	})
}

func lies(name, zone string) bool { return name == zone || strings.HasSuffix(name, "."+zone) }
