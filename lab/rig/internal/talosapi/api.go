// Package talosapi serves the Talos API of simulated machines. Each machine has two layers, as
// the real one has: the services themselves, reachable only inside the process, and a TLS front
// on port 50000 that knows client certificates and carries a call to the nodes it names, which
// may be other machines. Methods that are not implemented say so and are counted.
package talosapi

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/cosi-project/runtime/api/v1alpha1"
	"github.com/cosi-project/runtime/pkg/state"
	cosiserver "github.com/cosi-project/runtime/pkg/state/protobuf/server"
	"github.com/siderolabs/grpc-proxy/proxy"
	clusterapi "github.com/siderolabs/talos/pkg/machinery/api/cluster"
	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	storageapi "github.com/siderolabs/talos/pkg/machinery/api/storage"
	timeapi "github.com/siderolabs/talos/pkg/machinery/api/time"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"plinth.dev/lab/rig/internal/cluster"
	"plinth.dev/lab/rig/internal/fault"
	"plinth.dev/lab/rig/internal/machine"
	"plinth.dev/lab/rig/internal/rules"
)

// maxMessage is the largest message Talos sends or takes.
const maxMessage = 32 << 20

// API is the Talos API of all machines of a rack.
type API struct {
	hub      *machine.Hub
	registry *cluster.Registry
	rules    *rules.Rules

	mu            sync.Mutex
	nodes         map[*machine.Machine]*node
	unimplemented map[string]int
}

// New returns an API without machines.
func New(hub *machine.Hub, registry *cluster.Registry, rules *rules.Rules) *API {
	return &API{hub: hub, registry: registry, rules: rules, nodes: map[*machine.Machine]*node{}, unimplemented: map[string]int{}}
}

// Unimplemented counts the calls that were answered so, by method.
func (a *API) Unimplemented() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()

	counts := make(map[string]int, len(a.unimplemented))
	for method, count := range a.unimplemented {
		counts[method] = count
	}

	return counts
}

func (a *API) count(method string, err error) {
	if status.Code(err) != codes.Unimplemented {
		return
	}

	a.mu.Lock()
	defer a.mu.Unlock()

	a.unimplemented[strings.TrimPrefix(method, "/")]++
}

// node is the services of one machine during one boot.
type node struct {
	api     *API
	session *machine.Session
	// agent is nil in maintenance.
	agent *cluster.Agent
	state state.State
	// installing is held while a system is written.
	installing sync.Mutex

	server *grpc.Server
	conn   *grpc.ClientConn
	front  *front
}

// Serve brings the API of a booted machine up and returns when it listens; a machine whose
// certificates nobody can issue yet listens later. stop takes it down at once.
func (a *API) Serve(s *machine.Session, agent *cluster.Agent, st state.State) (stop func(), err error) {
	n := &node{api: a, session: s, agent: agent, state: st}

	n.server = grpc.NewServer(
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.UnaryInterceptor(n.unary), grpc.StreamInterceptor(n.stream), grpc.UnknownServiceHandler(n.unknown),
		grpc.SharedWriteBuffer(true),
	)

	machineapi.RegisterMachineServiceServer(n.server, &machineService{node: n})

	if s.Release().HasLifecycleService() {
		machineapi.RegisterLifecycleServiceServer(n.server, &lifecycleService{node: n})
		machineapi.RegisterImageServiceServer(n.server, &imageService{node: n})
	}

	storageapi.RegisterStorageServiceServer(n.server, &storageService{node: n})
	timeapi.RegisterTimeServiceServer(n.server, &timeService{node: n})
	clusterapi.RegisterClusterServiceServer(n.server, &clusterService{node: n})
	v1alpha1.RegisterStateServer(n.server, cosiserver.NewState(state.WrapCore(state.Filter(st, accessPolicy))))

	inside := bufconn.Listen(64 << 10)

	n.conn, err = grpc.NewClient("passthrough:///"+s.Spec.Name,
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return inside.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.ForceCodecV2(proxy.Codec())),
		grpc.WithSharedWriteBuffer(true),
	)
	if err != nil {
		return nil, err
	}

	var serving sync.WaitGroup

	serving.Go(func() { _ = n.server.Serve(inside) })

	a.mu.Lock()
	a.nodes[s.Machine] = n
	a.mu.Unlock()

	n.front, err = newFront(n)

	stop = func() {
		a.mu.Lock()
		delete(a.nodes, s.Machine)
		a.mu.Unlock()

		if n.front != nil {
			n.front.close()
		}

		n.server.Stop()
		_ = n.conn.Close()
		serving.Wait()
	}

	if err != nil {
		stop()

		return nil, err
	}

	return stop, nil
}

// Listening says whether the machine's API accepts connections.
func (a *API) Listening(m *machine.Machine) bool {
	a.mu.Lock()
	n := a.nodes[m]
	a.mu.Unlock()

	return n != nil && n.front != nil && n.front.listening()
}

// at finds the services of the machine with an address, as another machine reaches them.
func (a *API) at(address string) (*node, error) {
	unreachable := status.Errorf(codes.Unavailable, "connection error: desc = \"transport: Error while dialing: dial tcp %s:%d: connect: connection refused\"", address, apiPort)

	m := a.hub.At(address)
	if m == nil {
		m = a.named(address)
	}

	if m == nil {
		return nil, unreachable
	}

	a.mu.Lock()
	n := a.nodes[m]
	a.mu.Unlock()

	if n == nil || n.agent == nil || m.Faults.Has(fault.Refuse) {
		return nil, unreachable
	}

	return n, nil
}

// named finds a running machine by its hostname, which clients may name a node by.
func (a *API) named(hostname string) *machine.Machine {
	machines := a.hub.Machines()

	i := slices.IndexFunc(machines, func(m *machine.Machine) bool {
		s := m.Session()

		return s != nil && s.Config() != nil && s.Hostname() == hostname
	})
	if i < 0 {
		return nil
	}

	return machines[i]
}
