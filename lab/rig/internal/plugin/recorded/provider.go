// Package recorded stands in for the plugins of vendors that nobody reaches from a lab. It knows what a vendor's SDK can
// say, in its version and with its types, refuses everything else, and remembers what it is told: it makes nothing.
package recorded

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"

	"plinth.dev/lab/rig/internal/plugin/bridged"
	"plinth.dev/lab/rig/internal/plugin/host"
	values "plinth.dev/lab/rig/internal/plugin/property"
)

// New is the plugin of a vendor, ready to be served. It fails only for facts that are broken.
func New(name string) *bridged.Server {
	known, err := read(name)
	if err != nil {
		panic(err)
	}
	server := &bridged.Server{
		Base: host.NewBase(), Name: name, Options: known.Options, Resources: map[string]*bridged.Resource{},
	}
	for token, each := range known.Resources {
		server.Resources[token] = resource(each)
	}
	return server
}

func resource(known resourceFacts) *bridged.Resource {
	table := schema(known.Inputs, known.Required)
	for _, key := range known.Outputs {
		table[key] = &bridged.Property{Output: true}
	}
	for _, key := range known.Computed {
		table[key].Computed = true
	}
	for _, key := range known.Replaces {
		table[key].Replaces = true
	}
	return &bridged.Resource{
		Properties: table,
		Create: func(_ context.Context, planned values.Map) (string, error) {
			for key, value := range planned {
				if _, open := value.(values.Unknown); open {
					planned[key] = known.Made[key]
				}
				if planned[key] == nil {
					delete(planned, key)
				}
			}
			return newID()
		},
	}
}

// newID is a number, as most vendors have them, and as programs read them.
func newID() (string, error) {
	number, err := rand.Int(rand.Reader, big.NewInt(900_000_000))
	if err != nil {
		return "", fmt.Errorf("no id: %w", err)
	}
	return fmt.Sprint(number.Int64() + 100), nil
}
