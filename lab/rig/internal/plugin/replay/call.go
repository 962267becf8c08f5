package replay

import (
	"context"
	"encoding/json"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// call sends one recorded request to a plugin. It returns the answer as JSON, and the plugin's error.
func call(ctx context.Context, server pulumirpc.ResourceProviderServer, method string, request map[string]any) (map[string]any, *status.Status, error) {
	switch method {
	case "CheckConfig":
		return send(ctx, request, &pulumirpc.CheckRequest{}, server.CheckConfig)
	case "DiffConfig":
		return send(ctx, request, &pulumirpc.DiffRequest{}, server.DiffConfig)
	case "Configure":
		return send(ctx, request, &pulumirpc.ConfigureRequest{}, server.Configure)
	case "Invoke":
		return send(ctx, request, &pulumirpc.InvokeRequest{}, server.Invoke)
	case "Check":
		return send(ctx, request, &pulumirpc.CheckRequest{}, server.Check)
	case "Diff":
		return send(ctx, request, &pulumirpc.DiffRequest{}, server.Diff)
	case "Create":
		return send(ctx, request, &pulumirpc.CreateRequest{}, server.Create)
	case "Read":
		return send(ctx, request, &pulumirpc.ReadRequest{}, server.Read)
	case "Update":
		return send(ctx, request, &pulumirpc.UpdateRequest{}, server.Update)
	case "Delete":
		return send(ctx, request, &pulumirpc.DeleteRequest{}, server.Delete)
	default:
		return nil, nil, fmt.Errorf("no way to replay %s", method)
	}
}

func send[Request, Response proto.Message](
	ctx context.Context, recorded map[string]any, request Request,
	method func(context.Context, Request) (Response, error),
) (map[string]any, *status.Status, error) {
	text, err := json.Marshal(recorded)
	if err != nil {
		return nil, nil, err
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, request); err != nil {
		return nil, nil, err
	}
	answer, failed := method(ctx, request)
	if failed != nil {
		return nil, status.Convert(failed), nil
	}
	asJSON, err := canonical(answer)
	return asJSON, status.New(codes.OK, ""), err
}

func canonical(message proto.Message) (map[string]any, error) {
	text, err := protojson.Marshal(message)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	return out, json.Unmarshal(text, &out)
}
