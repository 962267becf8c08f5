package bridged

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"plinth.dev/lab/rig/internal/plugin/host"
	"plinth.dev/lab/rig/internal/plugin/property"
)

// Server is the plugin: tables of resources and functions by their official tokens.
type Server struct {
	host.Base
	Name      string
	Resources map[string]*Resource
	Functions map[string]*Function
	// Options are names of provider options that it takes, beside those that every provider may be given.
	Options []string
}

// configuration is what every provider may be given without meaning for the stand-in.
var configuration = map[string]bool{"version": true, "pluginDownloadURL": true}

// CheckConfig echoes the configuration after refusing keys nobody here would honour.
func (s *Server) CheckConfig(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	response := &pulumirpc.CheckResponse{Inputs: req.GetNews()}
	for _, key := range property.Keys(property.FromStruct(req.GetNews())) {
		if !configuration[key] && !contains(s.Options, key) {
			response.Failures = append(response.Failures, &pulumirpc.CheckFailure{
				Property: key, Reason: fmt.Sprintf("the %s stand-in knows no provider option %q", s.Name, key)})
		}
	}
	return response, nil
}

// DiffConfig never asks for anything: there is no option that matters.
func (s *Server) DiffConfig(context.Context, *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	return &pulumirpc.DiffResponse{}, nil
}

// Configure tells the engine what this plugin can do with.
func (s *Server) Configure(context.Context, *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	return &pulumirpc.ConfigureResponse{
		SupportsPreview: true, AcceptResources: true, SupportsAutonamingConfiguration: true,
	}, nil
}

func (s *Server) resource(urn string) (*Resource, string, error) {
	token, name := SplitURN(urn)
	resource, known := s.Resources[token]
	if !known {
		return nil, "", host.Unsupported(s.Name, "the resource type "+token)
	}
	return resource, name, nil
}

// SplitURN takes the type token and the name out of a resource's URN.
func SplitURN(urn string) (token, name string) {
	parts := strings.SplitN(urn, "::", 4)
	if len(parts) < 4 {
		return urn, ""
	}
	types := strings.Split(parts[2], "$")
	return types[len(types)-1], parts[3]
}

// Check validates a program's inputs and marks the secret ones.
func (s *Server) Check(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	resource, name, err := s.resource(req.GetUrn())
	if err != nil {
		return nil, err
	}
	news := property.PlainMap(property.FromStruct(req.GetNews()))
	failures := resource.Properties.check(name, "", news)
	if resource.Validate != nil {
		more, err := resource.Validate(name, news)
		if err != nil {
			return nil, unknown(err)
		}
		failures = append(failures, more...)
	}
	return &pulumirpc.CheckResponse{
		Inputs: property.ToStruct(resource.Properties.wrap(news, false)), Failures: wire(failures),
	}, nil
}

// Diff compares what is with what will be.
func (s *Server) Diff(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	resource, _, err := s.resource(req.GetUrn())
	if err != nil {
		return nil, err
	}
	olds := property.PlainMap(property.FromStruct(req.GetOlds()))
	planned, err := resource.plan(olds, property.PlainMap(property.FromStruct(req.GetNews())))
	if err != nil {
		return nil, unknown(err)
	}
	diffs, replaces := resource.changes(olds, planned)
	response := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}
	if len(diffs) > 0 {
		response.Changes = pulumirpc.DiffResponse_DIFF_SOME
		response.Diffs, response.Replaces = diffs, replaces
	}
	return response, nil
}

// Create makes a resource, or in a preview says what it would be.
func (s *Server) Create(ctx context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	resource, _, err := s.resource(req.GetUrn())
	if err != nil {
		return nil, err
	}
	planned, err := resource.plan(nil, property.PlainMap(property.FromStruct(req.GetProperties())))
	if err != nil {
		return nil, unknown(err)
	}
	if req.GetPreview() {
		planned["id"] = property.Unknown{}
		return &pulumirpc.CreateResponse{Properties: property.ToStruct(resource.Properties.wrap(planned, true))}, nil
	}
	ctx, done := s.Bound(ctx)
	defer done()
	id, err := resource.Create(ctx, planned)
	if err != nil {
		return nil, unknown(err)
	}
	return &pulumirpc.CreateResponse{Id: id, Properties: property.ToStruct(resource.hidden(id, planned))}, nil
}

// Update changes a resource, or in a preview says what it would become.
func (s *Server) Update(ctx context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	resource, _, err := s.resource(req.GetUrn())
	if err != nil {
		return nil, err
	}
	olds := resource.known(property.PlainMap(property.FromStruct(req.GetOlds())))
	planned, err := resource.plan(olds, property.PlainMap(property.FromStruct(req.GetNews())))
	if err != nil {
		return nil, unknown(err)
	}
	if req.GetPreview() {
		planned["id"] = req.GetId()
		return &pulumirpc.UpdateResponse{Properties: property.ToStruct(resource.Properties.wrap(planned, true))}, nil
	}
	if resource.Update != nil {
		ctx, done := s.Bound(ctx)
		defer done()
		if err := resource.Update(ctx, olds, planned); err != nil {
			return nil, unknown(err)
		}
	}
	return &pulumirpc.UpdateResponse{Properties: property.ToStruct(resource.hidden(req.GetId(), planned))}, nil
}

// Read gives the state back as it was; nothing a bridged resource keeps can be looked up elsewhere.
func (s *Server) Read(_ context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	resource, _, err := s.resource(req.GetUrn())
	if err != nil {
		return nil, err
	}
	state := property.PlainMap(property.FromStruct(req.GetProperties()))
	if len(state) == 0 {
		return nil, host.Unsupported(s.Name, "reading or importing a resource without its state")
	}
	inputs := property.PlainMap(property.FromStruct(req.GetInputs()))
	return &pulumirpc.ReadResponse{
		Id:         req.GetId(),
		Properties: property.ToStruct(resource.echo(state)),
		Inputs:     property.ToStruct(resource.Properties.wrap(inputs, false)),
	}, nil
}

// Delete removes a resource.
func (s *Server) Delete(ctx context.Context, req *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	resource, _, err := s.resource(req.GetUrn())
	if err != nil {
		return nil, err
	}
	if resource.Delete != nil {
		ctx, done := s.Bound(ctx)
		defer done()
		if err := resource.Delete(ctx, property.PlainMap(property.FromStruct(req.GetProperties()))); err != nil {
			return nil, unknown(err)
		}
	}
	return &emptypb.Empty{}, nil
}

// Invoke runs a function.
func (s *Server) Invoke(ctx context.Context, req *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	function, known := s.Functions[req.GetTok()]
	if !known {
		return nil, host.Unsupported(s.Name, "the function "+req.GetTok())
	}
	arguments := property.PlainMap(property.FromStruct(req.GetArgs()))
	if failures := function.Arguments.check(req.GetTok(), "", arguments); len(failures) > 0 {
		return &pulumirpc.InvokeResponse{Failures: wire(failures)}, nil
	}
	ctx, done := s.Bound(ctx)
	defer done()
	failures, err := function.Run(ctx, arguments)
	if err != nil {
		return nil, unknown(err)
	}
	if len(failures) > 0 {
		return &pulumirpc.InvokeResponse{Failures: wire(failures)}, nil
	}
	return &pulumirpc.InvokeResponse{Return: property.ToStruct(arguments)}, nil
}

func wire(failures []Failure) []*pulumirpc.CheckFailure {
	var out []*pulumirpc.CheckFailure
	for _, failure := range failures {
		out = append(out, &pulumirpc.CheckFailure{Property: failure.Property, Reason: failure.Reason})
	}
	return out
}

// unknown is the one error code bridged plugins use; the message carries the meaning.
func unknown(err error) error {
	return status.Error(codes.Unknown, err.Error())
}
