package workload

import (
	"regexp"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestImagesAreKnownWhereverTheyComeFrom(t *testing.T) {
	pattern := regexp.MustCompile(ImagePattern())

	for image, want := range map[string]string{
		"quay.io/metallb/controller:v0.16.2":                                    "metallb-controller",
		"registry.local:5000/mirror/metallb/controller@sha256:0123":             "metallb-controller",
		"registry.k8s.io/ingress-nginx/controller:v1.15.1@sha256:0123":          "ingress-nginx-controller",
		"registry.k8s.io/ingress-nginx/kube-webhook-certgen:v1.6.9@sha256:0123": "kube-webhook-certgen",
		"quay.io/cilium/cilium:v1.20.2":                                         "cilium-agent",
		"quay.io/cilium/operator-generic":                                       "cilium-operator",
		"quay.io/cilium/cilium-envoy:v1.37.6":                                   "",
		"quay.io/metallb/speaker:v0.16.2":                                       "metallb-speaker",
		"quay.io/metallb/frr-k8s:v0.0.27":                                       "",
		"example.org/notmetallb/controller:v1":                                  "",
	} {
		program := ProgramFor(image)

		name := ""
		if program != nil {
			name = program.Name
		}

		if name != want {
			t.Errorf("%s is %q, want %q", image, name, want)
		}

		// What the pods' stages think must be the same.
		if pattern.MatchString(image) != (want != "") {
			t.Errorf("the pattern differs for %s", image)
		}
	}
}

func TestWordsOfAContainer(t *testing.T) {
	pod := &Pod{
		Pod: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "there"}},
		Container: corev1.Container{
			Command: []string{"/program"},
			Args:    []string{"create", "--namespace=$(POD_NAMESPACE)", "--host=a.$(POD_NAMESPACE).svc,$(NOBODY)", "plain=no"},
			Env: []corev1.EnvVar{
				{Name: "POD_NAMESPACE", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.namespace"}}},
			},
			Ports: []corev1.ContainerPort{{Name: "webhook", ContainerPort: 9}},
		},
	}

	if words := pod.Words(); words[1] != "create" || words[2] != "--namespace=there" {
		t.Errorf("got %q", words)
	}

	if host := pod.Flag("host"); host != "a.there.svc,$(NOBODY)" {
		t.Errorf("a variable that nobody sets stays as it is: %q", host)
	}

	if pod.Flag("plain") != "" || pod.Flag("absent") != "" {
		t.Error("words that are no flags are taken for some")
	}

	if pod.Port("webhook", 1) != 9 || pod.Port("other", 1) != 1 {
		t.Error("ports are not found by their names")
	}
}
