package workload

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	restartDelay = 2 * time.Second
	watchRetry   = time.Second
)

// Runtime runs the programs of one cluster's pods.
type Runtime struct {
	config  *rest.Config
	admin   kubernetes.Interface
	network *Network
	log     func(format string, args ...any)
	// materials are folders and files that programs need of their software, by program.
	materials func(program string) string
	// volumes is the folder of what programs keep on volumes.
	volumes string

	mu        sync.Mutex
	instances map[seat]*instance
	faults    map[string]Fault
	// kept is what programs have on volumes.
	kept map[types.UID]any
}

// seat is a container of a pod.
type seat struct {
	pod       types.UID
	container string
}

// NewRuntime prepares a runtime; config is an administrator's, volumes a folder that may not be there yet.
func NewRuntime(
	config *rest.Config, volumes string, materials func(program string) string, log func(format string, args ...any),
) (*Runtime, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}

	return &Runtime{
		config: config, admin: client, network: newNetwork(client), log: log, materials: materials, volumes: volumes,
		instances: map[seat]*instance{}, faults: map[string]Fault{}, kept: map[types.UID]any{},
	}, nil
}

// Dial reaches an address of the cluster.
func (r *Runtime) Dial() Dial { return r.network.Dial }

// Run follows the pods until ctx ends.
func (r *Runtime) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := r.follow(ctx); err != nil && ctx.Err() == nil {
			pause(ctx, watchRetry)
		}
	}

	r.mu.Lock()
	var left []*instance
	for at, running := range r.instances {
		left = append(left, running)
		delete(r.instances, at)
	}
	r.mu.Unlock()

	for _, running := range left {
		running.stop()
	}
}

// follow lists and watches the pods until the watch ends.
func (r *Runtime) follow(ctx context.Context) error {
	list, err := r.admin.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}

	present := map[types.UID]bool{}

	for i := range list.Items {
		present[list.Items[i].UID] = true
		r.see(ctx, &list.Items[i])
	}

	r.mu.Lock()
	var gone []types.UID
	for at := range r.instances {
		if !present[at.pod] {
			gone = append(gone, at.pod)
		}
	}
	r.mu.Unlock()

	for _, uid := range gone {
		r.end(uid)
	}

	watch, err := r.admin.CoreV1().Pods("").Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	if err != nil {
		return err
	}

	defer watch.Stop()

	for event := range watch.ResultChan() {
		pod, ok := event.Object.(*corev1.Pod)
		if !ok {
			return fmt.Errorf("watching pods: %v", event.Object)
		}

		if event.Type == "DELETED" {
			r.end(pod.UID)
		} else {
			r.see(ctx, pod)
		}
	}

	return nil
}

// see begins a pod's programs once the pod runs, and ends them when it stops to.
func (r *Runtime) see(ctx context.Context, pod *corev1.Pod) {
	if pod.DeletionTimestamp != nil || pod.Status.Phase != corev1.PodRunning || pod.Status.PodIP == "" {
		r.end(pod.UID)

		return
	}

	r.mu.Lock()
	defer r.mu.Unlock()

	for _, container := range pod.Spec.Containers {
		at := seat{pod.UID, container.Name}
		if program := ProgramFor(container.Image); program != nil && r.instances[at] == nil {
			r.instances[at] = r.begin(ctx, program, pod, container)
		}
	}
}

func (r *Runtime) end(uid types.UID) {
	r.mu.Lock()
	var ended []*instance
	for at, running := range r.instances {
		if at.pod == uid {
			ended = append(ended, running)
			delete(r.instances, at)
		}
	}
	r.mu.Unlock()

	for _, running := range ended {
		running.stop()
	}
}

// Status is one program that runs in at least one pod.
type Status struct {
	Name  string `json:"name"`
	Does  string `json:"does"`
	Pods  int    `json:"pods"`
	Ready int    `json:"ready"`
	Fault Fault  `json:"fault,omitempty"`
}

// Status lists the programs by name.
func (r *Runtime) Status() []Status {
	r.mu.Lock()
	defer r.mu.Unlock()

	byName := map[string]*Status{}

	for _, running := range r.instances {
		name := running.program.Name
		if byName[name] == nil {
			byName[name] = &Status{Name: name, Does: running.program.Does, Fault: r.faults[name]}
		}

		byName[name].Pods++

		if running.isReady() {
			byName[name].Ready++
		}
	}

	list := make([]Status, 0, len(byName))
	for _, status := range byName {
		list = append(list, *status)
	}

	slices.SortFunc(list, func(a, b Status) int { return strings.Compare(a.Name, b.Name) })

	return list
}

func pause(ctx context.Context, duration time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(duration):
	}
}
