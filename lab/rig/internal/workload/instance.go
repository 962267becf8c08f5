package workload

import (
	"context"
	"errors"
	"net"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
)

// instance is a program in one pod.
type instance struct {
	runtime   *Runtime
	program   *Program
	pod       *corev1.Pod
	container corev1.Container

	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	ready bool
	// again ends the present run, so that the next one begins.
	again context.CancelFunc
	// ports are those it has opened, which go on accepting while it hangs.
	ports map[int32]bool
}

func (r *Runtime) begin(ctx context.Context, program *Program, pod *corev1.Pod, container corev1.Container) *instance {
	ctx, cancel := context.WithCancel(ctx)
	i := &instance{
		runtime: r, program: program, pod: pod, container: container, cancel: cancel,
		done: make(chan struct{}), again: func() {}, ports: map[int32]bool{},
	}

	go i.live(ctx)

	return i
}

func (i *instance) stop() {
	i.cancel()
	<-i.done
}

func (i *instance) restart() {
	i.mu.Lock()
	defer i.mu.Unlock()

	i.again()
}

func (i *instance) isReady() bool {
	i.mu.Lock()
	defer i.mu.Unlock()

	return i.ready
}

// live runs the program again and again, as a kubelet does, until the pod ends.
func (i *instance) live(ctx context.Context) {
	defer close(i.done)

	for ctx.Err() == nil {
		run, again := context.WithCancel(ctx)

		i.mu.Lock()
		i.again = again
		i.mu.Unlock()

		finished, err := i.once(run)

		again()

		if ctx.Err() != nil {
			return
		}

		if finished {
			i.show(ctx, true, succeeded)

			return
		}

		if err != nil {
			i.runtime.log("%s/%s: %s: %v", i.pod.Namespace, i.pod.Name, i.program.Name, err)
			i.show(ctx, false, crashed(err.Error()))
			pause(ctx, restartDelay)
		}
	}
}

// once runs the program one time and says whether it has done its work for good.
func (i *instance) once(ctx context.Context) (bool, error) {
	switch i.runtime.fault(i.program.Name) {
	case Crash:
		i.show(ctx, false, crashed("the lab lets it crash"))
		<-ctx.Done()

		return false, nil
	case Hang:
		i.hang(ctx)

		return false, nil
	}

	client, objects, err := i.runtime.clientsOf(i.pod)
	if err != nil {
		return false, err
	}

	err = i.program.Run(ctx, &Pod{
		Pod: i.pod, Container: i.container, Client: client, Objects: objects, runtime: i.runtime,
		ready: func() { i.show(ctx, true, running) }, opened: i.opened,
	})

	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return false, nil
	}

	return err == nil, err
}

func (i *instance) opened(port int32) {
	i.mu.Lock()
	defer i.mu.Unlock()

	i.ports[port] = true
}

// hang keeps the ports open and nothing else.
func (i *instance) hang(ctx context.Context) {
	i.mu.Lock()
	var listeners []net.Listener
	for port := range i.ports {
		if l, err := i.runtime.network.Listen(i.pod.Status.PodIP, port); err == nil {
			listeners = append(listeners, l)
		}
	}
	i.mu.Unlock()

	i.show(ctx, true, running)

	var accepting sync.WaitGroup

	for _, l := range listeners {
		accepting.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}

				context.AfterFunc(ctx, func() { _ = conn.Close() })
			}
		})
	}

	<-ctx.Done()

	for _, l := range listeners {
		_ = l.Close()
	}

	accepting.Wait()
}

// change brings a container's status to what its program has come to.
type change func(container *corev1.ContainerStatus)

func running(container *corev1.ContainerStatus) {
	started := true
	container.Ready, container.Started = true, &started

	if container.State.Running == nil {
		container.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}
	}
}

func succeeded(container *corev1.ContainerStatus) {
	started := false
	container.Ready, container.Started = false, &started
	container.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		Reason: "Completed", StartedAt: metav1.Now(), FinishedAt: metav1.Now(),
	}}
}

func crashed(message string) change {
	return func(container *corev1.ContainerStatus) {
		started := false
		container.Ready, container.Started = false, &started
		container.RestartCount++
		container.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: message}}
	}
}

// answersFor says whether a container's status follows this program: its own, and those that no program stands for.
func (i *instance) answersFor(name string) bool {
	if name == i.container.Name {
		return true
	}

	for _, container := range i.pod.Spec.Containers {
		if container.Name == name {
			return ProgramFor(container.Image) == nil
		}
	}

	return false
}

// settleStatus brings a pod's phase and conditions to what its containers have come to.
func settleStatus(status *corev1.PodStatus) {
	ready, ended := true, len(status.ContainerStatuses) > 0
	for _, container := range status.ContainerStatuses {
		ready = ready && container.Ready
		ended = ended && container.State.Terminated != nil
	}

	if ended {
		status.Phase = corev1.PodSucceeded
	}

	working := conditionStatus(ready && status.Phase == corev1.PodRunning)

	for n := range status.Conditions {
		condition := &status.Conditions[n]
		if (condition.Type == corev1.PodReady || condition.Type == corev1.ContainersReady) && condition.Status != working {
			condition.Status, condition.LastTransitionTime = working, metav1.Now()
		}
	}
}

// show writes the pod's status; a pod that is gone needs none.
func (i *instance) show(ctx context.Context, ready bool, apply change) {
	pods := i.runtime.admin.CoreV1().Pods(i.pod.Namespace)
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		pod, err := pods.Get(ctx, i.pod.Name, metav1.GetOptions{})
		if err != nil || pod.UID != i.pod.UID {
			return err
		}

		for n := range pod.Status.ContainerStatuses {
			if container := &pod.Status.ContainerStatuses[n]; i.answersFor(container.Name) {
				apply(container)
			}
		}

		settleStatus(&pod.Status)

		_, err = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})

		return err
	})

	if err != nil && !apierrors.IsNotFound(err) && ctx.Err() == nil {
		i.runtime.log("%s/%s: writing its status: %v", i.pod.Namespace, i.pod.Name, err)

		return
	}

	i.mu.Lock()
	i.ready = ready
	i.mu.Unlock()
}

func conditionStatus(yes bool) corev1.ConditionStatus {
	if yes {
		return corev1.ConditionTrue
	}

	return corev1.ConditionFalse
}
