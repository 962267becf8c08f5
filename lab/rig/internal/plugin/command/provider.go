// Package command stands in for the command provider: a program's own shell commands, run on this
// machine or over SSH on another when a resource is made, changed or removed.
package command

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"plinth.dev/lab/rig/internal/plugin/bridged"
	"plinth.dev/lab/rig/internal/plugin/host"
	"plinth.dev/lab/rig/internal/plugin/property"
)

const (
	pluginName  = "command"
	commandType = "command:local:Command"
	remoteType  = "command:remote:Command"
	runToken    = "command:local:run"

	frameworkKey     = "__pulumi-go-provider-version"
	frameworkVersion = "v1.5.0"
)

// Provider is the plugin.
type Provider struct{ host.Base }

// New is the plugin, ready to be served.
func New() *Provider { return &Provider{Base: host.NewBase()} }

// CheckConfig echoes the configuration and adds the framework's mark, as official states have it.
func (p *Provider) CheckConfig(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	news := property.FromStruct(req.GetNews())
	response := &pulumirpc.CheckResponse{}
	for _, key := range property.Keys(news) {
		switch key {
		case "version", "pluginDownloadURL", frameworkKey:
		default:
			response.Failures = append(response.Failures, &pulumirpc.CheckFailure{
				Property: key, Reason: fmt.Sprintf("the command stand-in knows no provider option %q", key)})
		}
	}
	news[frameworkKey] = frameworkVersion
	response.Inputs = property.ToStruct(news)
	return response, nil
}

// Configure tells the engine what this plugin can do with.
func (p *Provider) Configure(context.Context, *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	return &pulumirpc.ConfigureResponse{AcceptSecrets: true, SupportsPreview: true, AcceptResources: true, AcceptOutputs: true}, nil
}

// DiffConfig is not there in the official plugin either; the engine takes that for no difference.
func (p *Provider) DiffConfig(context.Context, *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	return nil, status.Error(codes.Unimplemented, "DiffConfig is not implemented")
}

func known(urn string) (name string, err error) {
	token, name := bridged.SplitURN(urn)
	switch token {
	case commandType, remoteType:
		return name, nil
	case "command:remote:CopyFile", "command:remote:CopyToRemote":
		return "", host.Unsupported(pluginName, "the resource type "+token)
	default:
		return "", status.Errorf(codes.NotFound, "Resource '%s' not found", strings.TrimPrefix(token, pluginName+":"))
	}
}

// Check validates the inputs' names and types; what they say is the shell's matter.
func (p *Provider) Check(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	if _, err := known(req.GetUrn()); err != nil {
		return nil, err
	}
	news := property.FromStruct(req.GetNews())
	if token, _ := bridged.SplitURN(req.GetUrn()); token == remoteType {
		return &pulumirpc.CheckResponse{Inputs: req.GetNews(), Failures: checkRemote(news)}, nil
	}
	return &pulumirpc.CheckResponse{Inputs: req.GetNews(), Failures: commandInputs.check("local.CommandInputs", news)}, nil
}

// Diff lists what changed. Nothing replaces: a change of triggers does so by the library's own rule.
func (p *Provider) Diff(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	if _, err := known(req.GetUrn()); err != nil {
		return nil, err
	}
	response := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE, HasDetailedDiff: true}
	olds := property.PlainMap(property.FromStruct(req.GetOldInputs()))
	news := property.PlainMap(property.FromStruct(req.GetNews()))
	for _, change := range property.Changes(olds, news) {
		if response.DetailedDiff == nil {
			response.Changes = pulumirpc.DiffResponse_DIFF_SOME
			response.DetailedDiff = map[string]*pulumirpc.PropertyDiff{}
		}
		response.DetailedDiff[change.Path] = change.Wire(false)
		key := change.Path
		if end := strings.IndexAny(key, ".["); end >= 0 {
			key = key[:end]
		}
		if len(response.Diffs) == 0 || response.Diffs[len(response.Diffs)-1] != key {
			response.Diffs = append(response.Diffs, key)
		}
	}
	return response, nil
}

// Create runs the create command, if there is one.
func (p *Provider) Create(ctx context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	name, err := known(req.GetUrn())
	if err != nil {
		return nil, err
	}
	inputs := property.FromStruct(req.GetProperties())
	id := name + randomHex()
	if req.GetPreview() {
		return &pulumirpc.CreateResponse{Id: id, Properties: property.ToStruct(unknownOutputs(inputs))}, nil
	}
	ctx, done := p.Bound(ctx)
	defer done()
	state, err := runInto(ctx, inputs, "create", req.GetTimeout())
	if err != nil {
		return nil, err
	}
	return &pulumirpc.CreateResponse{Id: id, Properties: property.ToStruct(state)}, nil
}

// Update runs the update command, or the create command where there is none.
func (p *Provider) Update(ctx context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	if _, err := known(req.GetUrn()); err != nil {
		return nil, err
	}
	news := property.FromStruct(req.GetNews())
	if req.GetPreview() {
		return &pulumirpc.UpdateResponse{Properties: property.ToStruct(unknownOutputs(news))}, nil
	}
	ctx, done := p.Bound(ctx)
	defer done()
	which := "update"
	if property.String(news, which) == "" {
		which = "create"
	}
	previous := property.FromStruct(req.GetOlds())
	news["stdout"], news["stderr"] = previous["stdout"], previous["stderr"]
	state, err := runInto(ctx, news, which, req.GetTimeout())
	if err != nil {
		return nil, err
	}
	return &pulumirpc.UpdateResponse{Properties: property.ToStruct(state)}, nil
}

// Read gives the state back: a command leaves nothing that could be looked at.
func (p *Provider) Read(_ context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	if _, err := known(req.GetUrn()); err != nil {
		return nil, err
	}
	return &pulumirpc.ReadResponse{Id: req.GetId(), Properties: req.GetProperties(), Inputs: req.GetInputs()}, nil
}

// Delete runs the delete command, if there is one.
func (p *Provider) Delete(ctx context.Context, req *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	if _, err := known(req.GetUrn()); err != nil {
		return nil, err
	}
	ctx, done := p.Bound(ctx)
	defer done()
	_, err := runInto(ctx, property.FromStruct(req.GetProperties()), "delete", req.GetTimeout())
	return &emptypb.Empty{}, err
}

// Invoke runs a command without keeping a resource.
func (p *Provider) Invoke(ctx context.Context, req *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	if req.GetTok() != runToken {
		return nil, status.Errorf(codes.NotFound, "Invoke '%s' not found", strings.TrimPrefix(req.GetTok(), pluginName+":"))
	}
	args := property.FromStruct(req.GetArgs())
	if failures := runInputs.check("local.RunArgs", args); len(failures) > 0 {
		return &pulumirpc.InvokeResponse{Failures: failures}, nil
	}
	ctx, done := p.Bound(ctx)
	defer done()
	state, err := runInto(ctx, args, "command", 0)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.InvokeResponse{Return: property.ToStruct(state)}, nil
}

func unknownOutputs(inputs property.Map) property.Map {
	out := property.Copy(inputs)
	out["stdout"], out["stderr"] = property.Unknown{}, property.Unknown{}
	return out
}

func randomHex() string {
	raw := make([]byte, 4)
	_, _ = rand.Read(raw) // never fails since Go 1.24
	return hex.EncodeToString(raw)
}
