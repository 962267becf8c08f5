package workload

import (
	"context"
	"net/http"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	tokenSeconds = 3600
	// tokenRenewal is when a kubelet would ask for the next one.
	tokenRenewal = 48 * time.Minute
)

// clientsOf speak as a pod's service account.
func (r *Runtime) clientsOf(pod *corev1.Pod) (kubernetes.Interface, dynamic.Interface, error) {
	config := rest.CopyConfig(r.config)
	config.CertData, config.KeyData = nil, nil
	// What the API server warns of is a pod's own affair, told again at every look.
	config.WarningHandler = rest.NoWarnings{}
	tokens := &tokens{admin: r.admin, pod: pod}
	config.WrapTransport = func(next http.RoundTripper) http.RoundTripper { return &asServiceAccount{next, tokens} }

	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, err
	}

	objects, err := dynamic.NewForConfig(config)

	return client, objects, err
}

// tokens are what a kubelet projects into a pod: bound to it, and renewed.
type tokens struct {
	admin kubernetes.Interface
	pod   *corev1.Pod

	mu     sync.Mutex
	token  string
	issued time.Time
}

func (t *tokens) get(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()

	if time.Since(t.issued) < tokenRenewal {
		return t.token, nil
	}

	seconds := int64(tokenSeconds)
	answer, err := t.admin.CoreV1().ServiceAccounts(t.pod.Namespace).CreateToken(ctx, t.pod.Spec.ServiceAccountName, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{
			ExpirationSeconds: &seconds,
			BoundObjectRef:    &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: t.pod.Name, UID: t.pod.UID},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}

	t.token, t.issued = answer.Status.Token, time.Now()

	return t.token, nil
}

type asServiceAccount struct {
	next   http.RoundTripper
	tokens *tokens
}

func (a *asServiceAccount) RoundTrip(request *http.Request) (*http.Response, error) {
	token, err := a.tokens.get(request.Context())
	if err != nil {
		return nil, err
	}

	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+token)

	return a.next.RoundTrip(request)
}
