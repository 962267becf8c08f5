package host

import (
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"plinth.dev/lab/rig/internal/plugin/property"
)

// Unsupported is the error for a token or option that only the official plugin knows. A stand-in
// never skips over one: a program that works here must work there.
func Unsupported(plugin, what string) error {
	return status.Errorf(codes.Unimplemented,
		"the %s stand-in does not implement %s; install the official %s plugin to use it", plugin, what, plugin)
}

// InitFailed tells the engine that the object exists, with the given id and state, but did not come
// up; the engine keeps it and updates it on the next run.
func InitFailed(id string, properties, inputs property.Map, message string, reasons []string) error {
	detail := &pulumirpc.ErrorResourceInitFailed{
		Id: id, Properties: property.ToStruct(properties), Reasons: reasons,
	}
	if inputs != nil {
		detail.Inputs = property.ToStruct(inputs)
	}
	withDetail, err := status.New(codes.Unknown, message).WithDetails(detail)
	if err != nil {
		return fmt.Errorf("%s (and its details could not be sent: %w)", message, err)
	}
	return withDetail.Err()
}
