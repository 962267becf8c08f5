// Package host is what every plugin of this program shares: starting up, being found by the engine,
// noticing its death, and failing clearly on a call nobody wrote an answer for.
package host

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// maxMessage is the engine's own limit: a state with many objects exceeds gRPC's default of 4 MiB.
const maxMessage = 400 * 1024 * 1024

// Serve runs a plugin until the engine stops it or dies. It prints the port as the first line of
// standard output, which is how the engine finds it. args are the program's arguments; the last one
// that is not a flag is the engine's address.
func Serve(name string, args []string, server pulumirpc.ResourceProviderServer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("cannot listen on the loopback interface: %w", err)
	}
	grpcServer := NewServer(name, server)
	if _, err := fmt.Printf("%d\n", listener.Addr().(*net.TCPAddr).Port); err != nil {
		return fmt.Errorf("cannot tell the engine the port: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		waitForEngineDeath(ctx, engineAddress(args))
		grpcServer.Stop()
	}()
	return grpcServer.Serve(listener)
}

// NewServer is a gRPC server for one plugin whose unanswered calls say who did not answer what.
func NewServer(name string, server pulumirpc.ResourceProviderServer) *grpc.Server {
	naming := func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		answer, err := handler(ctx, req)
		if status.Code(err) == codes.Unimplemented {
			return nil, status.Errorf(codes.Unimplemented, "the %s stand-in does not implement %s: %s",
				name, filepath.Base(info.FullMethod), status.Convert(err).Message())
		}
		return answer, err
	}
	grpcServer := grpc.NewServer(
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
		grpc.UnaryInterceptor(naming),
	)
	pulumirpc.RegisterResourceProviderServer(grpcServer, server)
	return grpcServer
}

func engineAddress(args []string) string {
	for i := len(args) - 1; i >= 0; i-- {
		if !strings.HasPrefix(args[i], "-") {
			return args[i]
		}
	}
	return ""
}

// Base answers what is the same in every plugin. A plugin embeds it and adds its own calls; the rest
// is Unimplemented, named by the server.
type Base struct {
	pulumirpc.UnimplementedResourceProviderServer
	cancelled context.Context
	cancel    context.CancelFunc
}

// NewBase prepares the answer to Cancel.
func NewBase() Base {
	ctx, cancel := context.WithCancel(context.Background())
	return Base{cancelled: ctx, cancel: cancel}
}

// Bound returns a context that ends with the call or with the engine's Cancel, whichever is first.
func (b *Base) Bound(ctx context.Context) (context.Context, context.CancelFunc) {
	bound, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(b.cancelled, cancel)
	return bound, func() { stop(); cancel() }
}

// Cancel ends every running operation at its next safe point.
func (b *Base) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	b.cancel()
	return &emptypb.Empty{}, nil
}

// GetPluginInfo answers the version in the name of the folder the plugin was installed to.
func (b *Base) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: installedVersion()}, nil
}

var pluginFolder = regexp.MustCompile(`^resource-[a-z]+-v(.+)$`)

func installedVersion() string {
	executable, err := os.Executable()
	if err != nil {
		return ""
	}
	match := pluginFolder.FindStringSubmatch(filepath.Base(filepath.Dir(executable)))
	if match == nil {
		return ""
	}
	return match[1]
}
