package talosapi

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/siderolabs/grpc-proxy/proxy"
	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// manyNodes are the services one call may address on several nodes.
var manyNodes = []string{
	"/machine.MachineService/", "/cluster.ClusterService/", "/inspect.InspectService/", "/storage.StorageService/", "/time.TimeService/",
}

// streamed are the methods that answer with a stream.
var streamed = regexp.MustCompile(
	`^/machine\.MachineService/(Copy|DiskUsage|Dmesg|EtcdSnapshot|Events|ImageList|Kubeconfig|List|Logs|PacketCapture|Read)$` +
		`|^/machine\.LifecycleService/(Install|Upgrade)$|^/cluster\.ClusterService/HealthCheck$|Stream$`)

// direct chooses the machines a call goes to.
func (n *node) direct(ctx context.Context, method string) (proxy.Mode, []proxy.Backend, error) {
	local := []proxy.Backend{&backend{api: n.api, local: n}}

	// Without configuration a machine knows no other: whoever is contacted answers.
	if n.agent == nil {
		return proxy.One2One, local, nil
	}

	md, _ := metadata.FromIncomingContext(ctx)

	if targets := md.Get("nodes"); len(targets) > 0 {
		if !slices.ContainsFunc(manyNodes, func(service string) bool { return strings.HasPrefix(method, service) }) {
			return proxy.One2One, nil, status.Errorf(codes.InvalidArgument, "one-2-many proxying is not supported for method %s", method)
		}

		backends := make([]proxy.Backend, len(targets))
		for i, target := range targets {
			backends[i] = &backend{api: n.api, target: target}
		}

		return proxy.One2Many, backends, nil
	}

	switch targets := md.Get("node"); len(targets) {
	case 0:
		return proxy.One2One, local, nil
	case 1:
		return proxy.One2One, []proxy.Backend{&backend{api: n.api, target: targets[0]}}, nil
	default:
		return proxy.One2One, nil, status.Error(codes.InvalidArgument, "node metadata must be single-valued")
	}
}

// backend is one machine a call goes to: the contacted one, or another by address.
type backend struct {
	api    *API
	local  *node
	target string
}

func (b *backend) String() string { return b.target }

// GetConnection passes the caller's roles on, as the certificate states them.
func (b *backend) GetConnection(ctx context.Context, _ string) (context.Context, *grpc.ClientConn, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	md = md.Copy()

	for _, header := range []string{":authority", "nodes", "node"} {
		delete(md, header)
	}

	md.Set(roleHeader, peerRoles(ctx)...)

	ctx = metadata.NewOutgoingContext(ctx, md)

	if b.local != nil {
		return ctx, b.local.conn, nil
	}

	n, err := b.api.at(b.target)
	if err != nil {
		return ctx, nil, err
	}

	return ctx, n.conn, nil
}

// peerRoles are the organisations of the client certificate; without one, the caller reads.
func peerRoles(ctx context.Context) []string {
	from, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}

	info, ok := from.AuthInfo.(credentials.TLSInfo)
	if !ok {
		return nil
	}

	if len(info.State.PeerCertificates) == 0 {
		return []string{reader}
	}

	return info.State.PeerCertificates[0].Subject.Organization
}

const messagesField = 1

// AppendInfo adds to an answer which node it is from. A unary answer is a list of one message
// without metadata, so the field can be put behind that message's own fields.
func (b *backend) AppendInfo(streaming bool, answer []byte) ([]byte, error) {
	info, err := proto.Marshal(&common.Empty{Metadata: &common.Metadata{Hostname: b.target}})
	if err != nil || streaming {
		return append(answer, info...), err
	}

	number, kind, header := protowire.ConsumeTag(answer)
	if header < 0 || number != messagesField || kind != protowire.BytesType {
		return nil, fmt.Errorf("answer does not start with its messages")
	}

	message, length := protowire.ConsumeBytes(answer[header:])
	if length < 0 {
		return nil, protowire.ParseError(length)
	}

	out := protowire.AppendTag(nil, messagesField, protowire.BytesType)
	out = protowire.AppendBytes(out, slices.Concat(message, info))

	return append(out, answer[header+length:]...), nil
}

// BuildError turns a node's failure into an answer, so that the other nodes' answers count.
func (b *backend) BuildError(streaming bool, failure error) ([]byte, error) {
	empty := &common.Empty{Metadata: &common.Metadata{
		Hostname: b.target, Error: failure.Error(), Status: status.Convert(failure).Proto(),
	}}

	if streaming {
		return proto.Marshal(empty)
	}

	return proto.Marshal(&common.EmptyResponse{Messages: []*common.Empty{empty}})
}
