package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// probeTimeout bounds the first question to a cluster; an address that swallows packets counts as
// unreachable after it.
const probeTimeout = 32 * time.Second

// cluster is the API server of one configuration. It is looked for once, when the plugin is
// configured; a cluster that is away then counts as away for the whole run, as with the official plugin.
type cluster struct {
	found     chan struct{}
	err       error // why it is unreachable
	rest      *rest.Config
	dynamic   dynamic.Interface
	discovery discovery.CachedDiscoveryInterface
	mapper    *restmapper.DeferredDiscoveryRESTMapper
}

func unconfigured() *cluster {
	c := &cluster{found: make(chan struct{}), err: errors.New("the provider has not been configured")}
	close(c.found)
	return c
}

func connect(o options) *cluster {
	c := &cluster{found: make(chan struct{})}
	go func() {
		defer close(c.found)
		c.err = c.open(o)
	}()
	return c
}

func (c *cluster) open(o options) error {
	config, err := o.restConfig()
	if err != nil {
		return fmt.Errorf("failed to parse kubeconfig data in `kubernetes:config:kubeconfig`- %w", err)
	}
	c.rest = config
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return err
	}
	c.discovery = memory.NewMemCacheClient(client)
	c.mapper = restmapper.NewDeferredDiscoveryRESTMapper(c.discovery)
	if c.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	// A question any user may ask, so that only a missing server counts as unreachable.
	_, err = client.RESTClient().Get().AbsPath("/version").Timeout(probeTimeout).DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("unable to load schema information from the API server: %w", err)
	}
	return nil
}

// reachable waits for the first answer and tells why there was none.
func (c *cluster) reachable(ctx context.Context) error {
	select {
	case <-c.found:
		return c.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// mapping finds a kind's resource. A kind that discovery does not list yet is looked for again, since
// its definition may have been created a moment ago.
func (c *cluster) mapping(gvk schema.GroupVersionKind) (*meta.RESTMapping, error) {
	mapping, err := c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err == nil || !meta.IsNoMatchError(err) {
		return mapping, err
	}
	c.mapper.Reset()
	return c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
}

// client is the interface to one kind in one namespace ("" for kinds without namespaces).
func (c *cluster) client(gvk schema.GroupVersionKind, namespace string) (dynamic.ResourceInterface, error) {
	mapping, err := c.mapping(gvk)
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		return c.dynamic.Resource(mapping.Resource).Namespace(namespace), nil
	}
	return c.dynamic.Resource(mapping.Resource), nil
}

func (c *cluster) clientFor(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	return c.client(object.GroupVersionKind(), object.GetNamespace())
}
