package workload

import (
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	// resync is how often a program looks again although nothing has changed.
	resync = 10 * time.Second
	// settle: several things change together.
	settle = 50 * time.Millisecond
)

// Watched is a kind of objects in a namespace, or in all.
type Watched struct {
	kind      schema.GroupVersionResource
	namespace string
}

var services = resource("", "v1", "services")

// Follow calls reconcile now, at every change of a watched object, and from time to time. A
// failed round is told once and tried again. It returns why it was to end.
func (p *Pod) Follow(ctx context.Context, reconcile func(ctx context.Context) error, watched ...Watched) error {
	changed := make(chan struct{}, 1)

	var watching sync.WaitGroup
	defer watching.Wait()

	for _, one := range watched {
		watching.Go(func() { p.watch(ctx, one, changed) })
	}

	said := ""

	for ctx.Err() == nil {
		text := ""

		if err := reconcile(ctx); err != nil && ctx.Err() == nil {
			text = err.Error()
		}

		if text != "" && text != said {
			p.Logf("%s", text)
		}

		said = text
		wait := resync

		if text != "" {
			wait = watchRetry
		}

		select {
		case <-ctx.Done():
		case <-time.After(wait):
		case <-changed:
			pause(ctx, settle)
		}
	}

	return ctx.Err()
}

func (p *Pod) watch(ctx context.Context, watched Watched, changed chan<- struct{}) {
	for ctx.Err() == nil {
		watch, err := p.Objects.Resource(watched.kind).Namespace(watched.namespace).Watch(ctx, metav1.ListOptions{})
		if err != nil {
			pause(ctx, watchRetry)

			continue
		}

		for range watch.ResultChan() {
			select {
			case changed <- struct{}{}:
			default:
			}
		}

		watch.Stop()
	}
}
