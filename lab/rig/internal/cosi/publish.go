// Package cosi shows a machine through Talos' resource API: its hardware, its stage, its
// configuration, the members of its cluster and what its control plane was rendered from.
// Everything is derived from the machine each time something changes; nothing is kept here.
package cosi

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/cosi-project/runtime/pkg/state/impl/inmem"
	"github.com/cosi-project/runtime/pkg/state/impl/namespaced"
	"github.com/cosi-project/runtime/pkg/state/registry"
	"go.yaml.in/yaml/v4"
)

// Source yields all resources a machine has now.
type Source func() []meta.ResourceWithRD

// NewState returns an empty resource state that knows the given types.
func NewState(ctx context.Context) (state.State, error) {
	st := state.WrapCore(namespaced.NewState(inmem.Build))

	namespaces := registry.NewNamespaceRegistry(st)
	if err := namespaces.RegisterDefault(ctx); err != nil {
		return nil, err
	}

	types := registry.NewResourceRegistry(st)
	if err := types.RegisterDefault(ctx); err != nil {
		return nil, err
	}

	seen := map[resource.Namespace]bool{}

	for _, known := range knownTypes() {
		if err := types.Register(ctx, known); err != nil {
			return nil, err
		}

		namespace := known.ResourceDefinition().DefaultNamespace
		if seen[namespace] {
			continue
		}

		seen[namespace] = true

		if err := namespaces.Register(ctx, namespace, ""); err != nil {
			return nil, err
		}
	}

	return st, nil
}

// Publisher keeps a state equal to its source.
type Publisher struct {
	state  state.State
	source Source
	// published are the resources of the last round.
	published map[string]resource.Resource
}

// NewPublisher starts with nothing published.
func NewPublisher(st state.State, source Source) *Publisher {
	return &Publisher{state: st, source: source, published: map[string]resource.Resource{}}
}

// settle is how long a burst of changes is waited for.
const settle = 20 * time.Millisecond

// Run publishes at every change until ctx ends.
func (p *Publisher) Run(ctx context.Context, changed func() <-chan struct{}, report func(error)) {
	for ctx.Err() == nil {
		next := changed()

		if err := p.Publish(ctx); err != nil && ctx.Err() == nil {
			report(err)
		}

		select {
		case <-ctx.Done():
		case <-next:
			time.Sleep(settle)
		}
	}
}

// Publish brings the state in line once. Versions only move when something differs.
func (p *Publisher) Publish(ctx context.Context) error {
	present := map[string]resource.Resource{}

	for _, wanted := range p.source() {
		present[wanted.Metadata().String()] = wanted

		if err := p.put(ctx, wanted); err != nil {
			return fmt.Errorf("%s: %w", wanted.Metadata(), err)
		}
	}

	for key, gone := range p.published {
		if _, ok := present[key]; !ok {
			if err := p.state.Destroy(ctx, gone.Metadata()); err != nil && !state.IsNotFoundError(err) {
				return err
			}
		}
	}

	p.published = present

	return nil
}

func (p *Publisher) put(ctx context.Context, wanted resource.Resource) error {
	current, err := p.state.Get(ctx, wanted.Metadata())
	if state.IsNotFoundError(err) {
		return p.state.Create(ctx, wanted.DeepCopy())
	}

	if err != nil {
		return err
	}

	same, err := equal(current, wanted)
	if err != nil || same {
		return err
	}

	next := wanted.DeepCopy()
	next.Metadata().SetVersion(current.Metadata().Version())

	return p.state.Update(ctx, next)
}

func equal(a, b resource.Resource) (bool, error) {
	left, err := yaml.Marshal(a.Spec())
	if err != nil {
		return false, err
	}

	right, err := yaml.Marshal(b.Spec())

	return bytes.Equal(left, right), err
}
