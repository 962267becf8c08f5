package talosapi

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"plinth.dev/lab/rig/internal/fault"
)

// Roles of client certificates.
const (
	admin      = "os:admin"
	operator   = "os:operator"
	reader     = "os:reader"
	etcdBackup = "os:etcd:backup"
)

// roleHeader carries the roles from the TLS front to the services; clients cannot set it.
const roleHeader = "talos-role"

var (
	readers   = []string{admin, operator, reader}
	operators = []string{admin, operator}
	backups   = []string{admin, operator, reader, etcdBackup}
)

// permissions name who may call a method; whatever is not listed is for administrators.
var permissions = map[string][]string{
	"/cluster.ClusterService/HealthCheck": readers,
	"/cosi.resource.State/Get":            readers,
	"/cosi.resource.State/List":           readers,
	"/cosi.resource.State/Watch":          readers,
	"/machine.ImageService/List":          readers,
	"/machine.ImageService/Pull":          operators,
	// In maintenance nobody has a certificate; the handler refuses it later.
	"/machine.MachineService/ApplyConfiguration": {admin, reader},
	"/machine.MachineService/Dmesg":              readers,
	"/machine.MachineService/EtcdAlarmDisarm":    operators,
	"/machine.MachineService/EtcdAlarmList":      backups,
	"/machine.MachineService/EtcdDefragment":     operators,
	"/machine.MachineService/EtcdMemberList":     backups,
	"/machine.MachineService/EtcdSnapshot":       {admin, operator, etcdBackup},
	"/machine.MachineService/EtcdStatus":         backups,
	"/machine.MachineService/Events":             readers,
	"/machine.MachineService/Hostname":           readers,
	"/machine.MachineService/ImagePull":          operators,
	"/machine.MachineService/Logs":               readers,
	"/machine.MachineService/LogsContainers":     readers,
	"/machine.MachineService/Memory":             readers,
	"/machine.MachineService/Reboot":             operators,
	"/machine.MachineService/ServiceList":        readers,
	"/machine.MachineService/ServiceRestart":     operators,
	"/machine.MachineService/Shutdown":           operators,
	"/machine.MachineService/Version":            readers,
	"/storage.StorageService/Disks":              readers,
	"/time.TimeService/Time":                     readers,
	"/time.TimeService/TimeCheck":                readers,
}

var errNotAuthorized = status.Error(codes.PermissionDenied, "not authorized")

func rolesOf(ctx context.Context) []string {
	md, _ := metadata.FromIncomingContext(ctx)

	return md.Get(roleHeader)
}

func hasRole(ctx context.Context, role string) bool { return slices.Contains(rolesOf(ctx), role) }

// admit waits while the machine hangs and says whether the caller may call the method.
func (n *node) admit(ctx context.Context, method string) error {
	for {
		changed := n.session.Faults.Changed()

		if !n.session.Faults.Has(fault.Hang) {
			break
		}

		select {
		case <-changed:
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}

	if n.session.Faults.Has(fault.APIDenied) {
		return errNotAuthorized
	}

	allowed, ok := permissions[method]
	if !ok {
		allowed = []string{admin}
	}

	for _, role := range rolesOf(ctx) {
		if slices.Contains(allowed, role) {
			return nil
		}
	}

	return errNotAuthorized
}

func (n *node) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if err := n.admit(ctx, info.FullMethod); err != nil {
		return nil, err
	}

	response, err := handler(ctx, request)
	n.api.count(info.FullMethod, err)

	return response, err
}

func (n *node) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if err := n.admit(stream.Context(), info.FullMethod); err != nil {
		return err
	}

	err := handler(service, stream)
	n.api.count(info.FullMethod, err)

	return err
}

// unknown answers a method that no registered service has.
func (n *node) unknown(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	service, name, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	err := status.Errorf(codes.Unimplemented, "unknown method %s for service %s", name, service)
	n.api.count(method, err)

	return err
}
