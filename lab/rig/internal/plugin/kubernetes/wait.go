package kubernetes

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	pollInterval = 200 * time.Millisecond
	// A single answer must not outlast a wait by much: a hanging server is asked again.
	pollTimeout = 30 * time.Second
)

// failure is an object that exists but did not become ready.
type failure struct {
	message string
	reasons []string
}

// awaitReady waits until an object is ready, has failed, or the time is over. It returns the object as
// last seen.
func awaitReady(ctx context.Context, c *cluster, live *unstructured.Unstructured, requested float64) (*unstructured.Unstructured, *failure) {
	check, byDefault := readinessOf(live)
	if condition := live.GetAnnotations()[annotationWaitFor]; condition != "" {
		wanted, err := parseWaitFor(condition)
		if err != nil {
			return live, &failure{message: err.Error()}
		}
		check, byDefault = wanted, workloadLimit
	}
	if check == nil || annotated(live, annotationSkipAwait) {
		return live, nil
	}
	client, err := c.clientFor(live)
	if err != nil {
		return live, &failure{message: err.Error()}
	}
	now, seen := verdict{}, false
	ended := poll(ctx, waitLimit(live, requested, byDefault), func(ctx context.Context) bool {
		fresh, err := client.Get(ctx, live.GetName(), metav1.GetOptions{})
		if err != nil {
			if !seen { // what was last known of the object says more than an interrupted question
				now = verdict{reasons: []string{err.Error()}}
			}
			return false
		}
		live, seen = fresh, true
		now = check(ctx, c, live)
		return now.ready || now.failed
	})
	switch {
	case now.ready:
		return live, nil
	case ended && now.failed:
		return live, &failure{fmt.Sprintf("Resource '%s' was created but failed to initialize", live.GetName()), now.reasons}
	case ctx.Err() != nil:
		return live, &failure{fmt.Sprintf("Resource operation was cancelled for '%s'", live.GetName()), now.reasons}
	default:
		return live, &failure{fmt.Sprintf("'%s' timed out waiting to be Ready", live.GetName()), now.reasons}
	}
}

// poll asks until the answer is yes (true) or the limit is reached (false).
func poll(ctx context.Context, limit time.Duration, done func(context.Context) bool) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		if once(ctx, done) {
			return true
		}
		if !pause(ctx, pollInterval) {
			return false
		}
	}
}

func once(ctx context.Context, done func(context.Context) bool) bool {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	return done(ctx)
}

// unready tells what is wrong with a workload that a refresh found not ready.
func unready(ctx context.Context, c *cluster, live *unstructured.Unstructured) (reasons []string, bad bool) {
	switch live.GetKind() {
	case "Deployment", "StatefulSet", "DaemonSet":
	default:
		return nil, false
	}
	check, _ := readinessOf(live)
	if check == nil {
		return nil, false
	}
	now := check(ctx, c, live)
	return now.reasons, !now.ready
}
