package workload

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
)

const requestTimeout = 30 * time.Second

// Pod is what a program sees of the pod it runs in.
type Pod struct {
	*corev1.Pod

	// Container is the one whose image the program stands for.
	Container corev1.Container
	// Client and Objects speak as the pod's service account: the API server refuses them what it
	// would refuse the real software.
	Client  kubernetes.Interface
	Objects dynamic.Interface

	runtime *Runtime
	ready   func()
	opened  func(port int32)
}

// Ready says that the program works now; its pod turns Ready.
func (p *Pod) Ready() { p.ready() }

// Listen opens a port of the pod.
func (p *Pod) Listen(port int32) (net.Listener, error) {
	p.opened(port)

	return p.runtime.network.Listen(p.Status.PodIP, port)
}

// Dial reaches an address of the cluster.
func (p *Pod) Dial(ctx context.Context, address string) (net.Conn, error) {
	return p.runtime.network.Dial(ctx, address)
}

// HTTP is a client that reaches the inside of the cluster.
func (p *Pod) HTTP() *http.Client {
	return &http.Client{Timeout: requestTimeout, Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, address string) (net.Conn, error) { return p.Dial(ctx, address) },
		DisableKeepAlives: true,
	}}
}

// Material is the folder or file that the lab has of the program's software; empty without one.
func (p *Pod) Material(program string) string { return p.runtime.materials(program) }

// Logf writes to the rig's log.
func (p *Pod) Logf(format string, args ...any) {
	p.runtime.log("%s/%s: %s", p.Namespace, p.Name, fmt.Sprintf(format, args...))
}

// Port is a port of the container by name, or the fallback.
func (p *Pod) Port(name string, fallback int32) int32 {
	for _, port := range p.Container.Ports {
		if port.Name == name {
			return port.ContainerPort
		}
	}

	return fallback
}

// Words are the container's command and arguments, variables filled in.
func (p *Pod) Words() []string {
	var words []string
	for _, word := range append(append([]string{}, p.Container.Command...), p.Container.Args...) {
		words = append(words, variable.ReplaceAllStringFunc(word, func(reference string) string {
			name := reference[2 : len(reference)-1]
			if value, known := p.Env(name); known {
				return value
			}

			return reference
		}))
	}

	return words
}

var variable = regexp.MustCompile(`\$\([A-Za-z_][A-Za-z0-9_]*\)`)

// Flag is the value of a flag as --name=value, or empty.
func (p *Pod) Flag(name string) string {
	for _, value := range p.Flags(name) {
		return value
	}

	return ""
}

// Flags are the values of a flag that may be given more than once.
func (p *Pod) Flags(name string) []string {
	var values []string

	for _, word := range p.Words() {
		if value, found := strings.CutPrefix(strings.TrimLeft(word, "-"), name+"="); found && strings.HasPrefix(word, "-") {
			values = append(values, value)
		}
	}

	return values
}

// Env is a variable of the container's environment, as far as it does not come from other objects.
func (p *Pod) Env(name string) (string, bool) {
	for _, env := range p.Container.Env {
		if env.Name != name {
			continue
		}

		if env.ValueFrom == nil {
			return env.Value, true
		}

		if field := env.ValueFrom.FieldRef; field != nil {
			return p.field(field.FieldPath), true
		}
	}

	return "", false
}

func (p *Pod) field(path string) string {
	switch path {
	case "metadata.name":
		return p.Name
	case "metadata.namespace":
		return p.Namespace
	case "spec.nodeName":
		return p.Spec.NodeName
	case "spec.serviceAccountName":
		return p.Spec.ServiceAccountName
	case "status.podIP":
		return p.Status.PodIP
	case "status.hostIP":
		return p.Status.HostIP
	default:
		return ""
	}
}

// File is a file that a Secret or a ConfigMap is mounted as; false while there is none. A kubelet brings
// it, so it is no question of what the service account may do.
func (p *Pod) File(ctx context.Context, path string) ([]byte, bool, error) {
	for _, mount := range p.Container.VolumeMounts {
		key, below := strings.CutPrefix(path, strings.TrimRight(mount.MountPath, "/")+"/")
		if mount.SubPath != "" && path == mount.MountPath {
			key, below = mount.SubPath, true
		}

		if !below {
			continue
		}

		for _, volume := range p.Spec.Volumes {
			if volume.Name == mount.Name {
				return p.runtime.volumeFile(ctx, p.Namespace, volume, key)
			}
		}
	}

	return nil, false, fmt.Errorf("nothing is mounted at %s", path)
}

func (r *Runtime) volumeFile(ctx context.Context, namespace string, volume corev1.Volume, key string) ([]byte, bool, error) {
	switch {
	case volume.Secret != nil:
		secret, err := r.admin.CoreV1().Secrets(namespace).Get(ctx, volume.Secret.SecretName, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil, false, nil
		}

		if err != nil {
			return nil, false, err
		}

		content, found := secret.Data[itemKey(volume.Secret.Items, key)]

		return content, found, nil
	case volume.ConfigMap != nil:
		config, err := r.admin.CoreV1().ConfigMaps(namespace).Get(ctx, volume.ConfigMap.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil, false, nil
		}

		if err != nil {
			return nil, false, err
		}

		content, found := config.Data[itemKey(volume.ConfigMap.Items, key)]

		return []byte(content), found, nil
	default:
		return nil, false, fmt.Errorf("volume %s holds neither a Secret nor a ConfigMap", volume.Name)
	}
}

// itemKey is the key that is mounted under a path.
func itemKey(items []corev1.KeyToPath, path string) string {
	for _, item := range items {
		if item.Path == path {
			return item.Key
		}
	}

	return path
}

func resource(group, version, plural string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group, Version: version, Resource: plural}
}
