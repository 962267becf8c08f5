package workload

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"sync"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

var l2Advertisements = resource(metallbGroup, "v1beta1", "l2advertisements")

// metallbSpeaker answers for the addresses of Services: it opens their TCP ports on this computer and leads them
// to the Service. Of several speakers the first one to open a port has it. Pools that are told by BGP, addresses
// outside of the loopback network, and UDP are not there.
func metallbSpeaker(ctx context.Context, pod *Pod) error {
	s := &speaker{pod: pod, doors: map[string]*door{}}
	defer s.keep(nil)

	pod.Ready()

	return pod.Follow(ctx, func(ctx context.Context) error {
		wanted, err := s.wanted(ctx)
		if err != nil {
			return err
		}

		s.keep(wanted)

		return s.open(ctx, wanted)
	}, Watched{services, ""}, Watched{l2Advertisements, pod.Namespace})
}

type speaker struct {
	pod   *Pod
	doors map[string]*door
}

// wanted is where each address and port leads.
func (s *speaker) wanted(ctx context.Context) (map[string]string, error) {
	advertisements, err := s.pod.Objects.Resource(l2Advertisements).Namespace(s.pod.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}

	list, err := s.pod.Client.CoreV1().Services("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}

	wanted := map[string]string{}

	for n := range list.Items {
		service := &list.Items[n]

		address, has := addressOf(service)
		if !has || !address.IsLoopback() || !advertised(service.Annotations[allocatedAnnotation], advertisements.Items) {
			continue
		}

		for _, port := range service.Spec.Ports {
			if port.Protocol == corev1.ProtocolTCP {
				wanted[join(address.String(), port.Port)] = net.JoinHostPort(service.Spec.ClusterIP, strconv.Itoa(int(port.Port)))
			}
		}
	}

	return wanted, nil
}

// advertised says whether a pool is told of; an advertisement that names no pool tells of all.
func advertised(pool string, advertisements []unstructured.Unstructured) bool {
	return slices.ContainsFunc(advertisements, func(advertisement unstructured.Unstructured) bool {
		pools, _, _ := unstructured.NestedStringSlice(advertisement.Object, "spec", "ipAddressPools")

		return len(pools) == 0 || slices.Contains(pools, pool)
	})
}

// keep closes every door that is not wanted, or leads elsewhere.
func (s *speaker) keep(wanted map[string]string) {
	for at, open := range s.doors {
		if wanted[at] != open.to {
			open.close()
			delete(s.doors, at)
		}
	}
}

func (s *speaker) open(ctx context.Context, wanted map[string]string) error {
	var problems []error

	for at, to := range wanted {
		if s.doors[at] != nil {
			continue
		}

		socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", at)
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}

		if err != nil {
			problems = append(problems, err)

			continue
		}

		s.doors[at] = openDoor(socket, to, s.pod.Dial)
	}

	return errors.Join(problems...)
}

// door is an open port of this computer that leads into the cluster.
type door struct {
	socket net.Listener
	to     string
	dial   Dial
	cancel context.CancelFunc
	tasks  sync.WaitGroup
}

func openDoor(socket net.Listener, to string, dial Dial) *door {
	ctx, cancel := context.WithCancel(context.Background())
	d := &door{socket: socket, to: to, dial: dial, cancel: cancel}

	d.tasks.Go(func() {
		for {
			conn, err := socket.Accept()
			if err != nil {
				return
			}

			d.tasks.Go(func() { d.lead(ctx, conn) })
		}
	})

	return d
}

func (d *door) close() {
	_ = d.socket.Close()
	d.cancel()
	d.tasks.Wait()
}

func (d *door) lead(ctx context.Context, from net.Conn) {
	defer from.Close() //nolint:errcheck // either side may have closed it

	to, err := d.dial(ctx, d.to)
	if err != nil {
		return
	}

	defer to.Close() //nolint:errcheck // either side may have closed it

	defer context.AfterFunc(ctx, func() {
		_ = from.Close()
		_ = to.Close()
	})()

	exchange(from, from, to)
}
