package kubernetes

import (
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"plinth.dev/lab/rig/internal/plugin/host"
)

func (p *Provider) checkRelease(context.Context, *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	return nil, host.Unsupported(pluginName, releaseToken)
}
func (p *Provider) diffRelease(*pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	return nil, host.Unsupported(pluginName, releaseToken)
}
func (p *Provider) createRelease(context.Context, *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	return nil, host.Unsupported(pluginName, releaseToken)
}
func (p *Provider) updateRelease(context.Context, *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	return nil, host.Unsupported(pluginName, releaseToken)
}
func (p *Provider) readRelease(context.Context, *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	return nil, host.Unsupported(pluginName, releaseToken)
}
func (p *Provider) deleteRelease(context.Context, *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	return nil, host.Unsupported(pluginName, releaseToken)
}
