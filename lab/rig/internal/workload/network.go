package workload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const dialTimeout = 5 * time.Second

// exchange carries what two connections say to each other until both have ended. What the first one says is read from
// said, which may hold the beginning of it already.
func exchange(from net.Conn, said io.Reader, to net.Conn) {
	var halves sync.WaitGroup

	halves.Go(func() {
		_, _ = io.Copy(to, said)
		_ = to.Close()
	})
	halves.Go(func() {
		_, _ = io.Copy(from, to)
		_ = from.Close()
	})
	halves.Wait()
}

var errNoRoute = errors.New("no route to host")

// Network is a cluster's network of pods and Services, as far as programs listen in it. Nothing of it
// is an address of this computer: connections are pipes inside the rig.
type Network struct {
	client kubernetes.Interface

	mu        sync.Mutex
	listeners map[string]*listener
}

func newNetwork(client kubernetes.Interface) *Network {
	return &Network{client: client, listeners: map[string]*listener{}}
}

// Listen opens a port of a pod. It is closed with the listener.
func (n *Network) Listen(address string, port int32) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()

	at := join(address, port)
	if n.listeners[at] != nil {
		return nil, fmt.Errorf("%s: address already in use", at)
	}

	l := &listener{network: n, at: at, conns: make(chan net.Conn), closed: make(chan struct{})}
	n.listeners[at] = l

	return l, nil
}

// Dial connects to a pod, to a Service through one of its ready endpoints, or to a machine.
func (n *Network) Dial(ctx context.Context, address string) (net.Conn, error) {
	if l := n.listener(address); l != nil {
		return l.dial(ctx)
	}

	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}

	if host, err = n.resolve(ctx, host); err != nil {
		return nil, err
	}

	ip, err := netip.ParseAddr(host)
	if err != nil {
		return nil, err
	}

	if ip.IsLoopback() {
		return (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", address)
	}

	endpoints, err := n.endpoints(ctx, host, port)
	if err != nil {
		return nil, err
	}

	for _, endpoint := range endpoints {
		if l := n.listener(endpoint); l != nil {
			return l.dial(ctx)
		}
	}

	if len(endpoints) > 0 {
		return nil, fmt.Errorf("%s: connection refused", address)
	}

	return nil, fmt.Errorf("%s: %w", address, errNoRoute)
}

// resolve is the address behind a name as the cluster's DNS has it: service.namespace, with or without what follows.
func (n *Network) resolve(ctx context.Context, host string) (string, error) {
	if _, err := netip.ParseAddr(host); err == nil {
		return host, nil
	}

	name, rest, _ := strings.Cut(host, ".")
	namespace, rest, _ := strings.Cut(rest, ".")

	if namespace == "" || rest != "" && rest != "svc" && rest != "svc.cluster.local" {
		return "", fmt.Errorf("lookup %s: no such host", host)
	}

	service, err := n.client.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", fmt.Errorf("lookup %s: no such host", host)
	}

	if err != nil {
		return "", err
	}

	return service.Spec.ClusterIP, nil
}

// endpoints are the ready endpoints of the Service that has an address.
func (n *Network) endpoints(ctx context.Context, host, port string) ([]string, error) {
	services, err := n.client.CoreV1().Services("").List(ctx, metav1.ListOptions{FieldSelector: "spec.clusterIP=" + host})
	if err != nil || len(services.Items) == 0 {
		return nil, err
	}

	service := services.Items[0]

	name, known := portName(&service, port)
	if !known {
		return nil, fmt.Errorf("%s: connection refused", net.JoinHostPort(host, port))
	}

	slices, err := n.client.DiscoveryV1().EndpointSlices(service.Namespace).List(ctx, metav1.ListOptions{
		LabelSelector: discoveryv1.LabelServiceName + "=" + service.Name,
	})
	if err != nil {
		return nil, err
	}

	var list []string

	for _, slice := range slices.Items {
		for _, p := range slice.Ports {
			if p.Port == nil || p.Name == nil || *p.Name != name {
				continue
			}

			for _, endpoint := range slice.Endpoints {
				if endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready {
					list = append(list, join(endpoint.Addresses[0], *p.Port))
				}
			}
		}
	}

	return list, nil
}

func portName(service *corev1.Service, port string) (string, bool) {
	for _, p := range service.Spec.Ports {
		if strconv.Itoa(int(p.Port)) == port {
			return p.Name, true
		}
	}

	return "", false
}

func (n *Network) listener(at string) *listener {
	n.mu.Lock()
	defer n.mu.Unlock()

	return n.listeners[at]
}

func (n *Network) remove(l *listener) {
	n.mu.Lock()
	defer n.mu.Unlock()

	if n.listeners[l.at] == l {
		delete(n.listeners, l.at)
	}
}

func join(address string, port int32) string {
	return net.JoinHostPort(address, strconv.Itoa(int(port)))
}

// listener is one open port.
type listener struct {
	network *Network
	at      string
	conns   chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

func (l *listener) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()

	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()

	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, fmt.Errorf("%s: connection refused", l.at)
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", l.at, ctx.Err())
	}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.network.remove(l)
	})

	return nil
}

func (l *listener) Addr() net.Addr { return address(l.at) }

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }
