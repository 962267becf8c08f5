package talos

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/client/config"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"plinth.dev/lab/rig/internal/plugin/property"
)

const (
	defaultTimeout = 10 * time.Minute
	dryRunTimeout  = 10 * time.Second
	firstPause     = 500 * time.Millisecond
	longestPause   = 10 * time.Second
)

// connection is a machine's API, with or without a client certificate.
type connection struct {
	*client.Client
	maintenance bool
}

// target is the machine a resource talks to, and how.
type target struct {
	node, endpoint string
	credentials    property.Map
}

func targetOf(state property.Map) target {
	t := target{
		node: property.String(state, "node"), endpoint: property.String(state, "endpoint"),
		credentials: property.Object(state, "clientConfiguration"),
	}
	if t.endpoint == "" {
		t.endpoint = t.node
	}
	return t
}

// connect asks a machine without a certificate first: one in maintenance answers, a configured one
// refuses the handshake and is then asked with the certificate.
func (t target) connect(ctx context.Context) (connection, error) {
	anonymous, err := t.anonymous(ctx)
	if err != nil {
		return connection{}, err
	}
	if _, err := anonymous.Disks(ctx); err == nil {
		return connection{anonymous, true}, nil
	}
	anonymous.Close() //nolint:errcheck // nothing was sent over it
	secure, err := client.New(ctx, client.WithConfigContext(&config.Context{
		Endpoints: []string{t.endpoint},
		CA:        property.String(t.credentials, "caCertificate"),
		Crt:       property.String(t.credentials, "clientCertificate"),
		Key:       property.String(t.credentials, "clientKey"),
	}))
	if err != nil {
		return connection{}, fmt.Errorf("using clientConfiguration: %w", err)
	}
	return connection{secure, false}, nil
}

func (t target) anonymous(ctx context.Context) (*client.Client, error) {
	return client.New(ctx, client.WithEndpoints(t.endpoint),
		client.WithTLSConfig(&tls.Config{InsecureSkipVerify: true})) //nolint:gosec // a machine in maintenance has no known CA
}

// retry calls a machine until it answers well, refuses the request itself, or the time is over. A
// machine that has just been configured reboots, so anything else may pass.
func (t target) retry(ctx context.Context, timeout time.Duration, call func(context.Context, connection) error) error {
	ctx, cancel := context.WithTimeout(client.WithNode(ctx, t.node), timeout)
	defer cancel()
	var last error
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := t.once(ctx, call)
		if err == nil {
			return nil
		}
		// The deadline's own error says nothing; the machine's last words do.
		if last == nil || ctx.Err() == nil {
			last = err
		}
		if status.Code(err) == codes.InvalidArgument {
			return err
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(pause):
		}
	}
}

func (t target) once(ctx context.Context, call func(context.Context, connection) error) error {
	c, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // the answer is already here
	return call(ctx, c)
}

// timeoutOf reads one of the texts in the timeouts input.
func timeoutOf(state property.Map, operation string) (time.Duration, error) {
	text := property.String(property.Object(state, "timeouts"), operation)
	if text == "" {
		return defaultTimeout, nil
	}
	timeout, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("timeouts.%s: %w", operation, err)
	}
	return timeout, nil
}
