package workload

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/retry"
)

const (
	metallbGroup         = "metallb.io"
	metallbWebhookSecret = "metallb-webhook-cert" //nolint:gosec // the name of one
	metallbWebhook       = "metallb-webhook-configuration"
	metallbService       = "metallb-webhook-service"
	metallbPeers         = "bgppeers." + metallbGroup
)

var addressPools = resource(metallbGroup, "v1beta1", "ipaddresspools")

// metallbController keeps its own certificate as MetalLB does, judges what the webhook is asked about, and
// gives addresses of the pools to Services.
func metallbController(ctx context.Context, pod *Pod) error {
	m := &metallb{pod: pod, class: pod.Flag("lb-class")}

	if err := m.keepMemberSecret(ctx); err != nil {
		return err
	}

	if pod.Flag("webhook-mode") == "disabled" {
		pod.Ready()

		return m.follow(ctx)
	}

	pair, err := m.certificates(ctx)
	if err != nil {
		return err
	}

	mux := http.NewServeMux()
	mux.Handle("/validate-metallb-io-v1beta1-ipaddresspool", admit(m.judgePool))

	for _, kind := range []string{"v1beta2-bgppeer", "v1beta1-bgpadvertisement", "v1beta1-community", "v1beta1-bfdprofile", "v1beta1-l2advertisement"} {
		mux.Handle("/validate-metallb-io-"+kind, admit(m.judgePlace))
	}

	mux.Handle("/convert", http.HandlerFunc(convert))

	return together(ctx, m.follow, func(ctx context.Context) error {
		return pod.serveTLS(ctx, pod.Port("webhook-server", 9443), pair, mux)
	})
}

type metallb struct {
	pod   *Pod
	class string
}

// keepMemberSecret makes the key by which speakers know one another.
func (m *metallb) keepMemberSecret(ctx context.Context) error {
	name, wanted := m.pod.Env("METALLB_ML_SECRET_NAME")
	if !wanted {
		return nil
	}

	key := make([]byte, 128)
	_, _ = rand.Read(key)

	_, err := m.pod.Client.CoreV1().Secrets(m.pod.Namespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Data:       map[string][]byte{"secretkey": []byte(base64.StdEncoding.EncodeToString(key))},
	}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}

	return err
}

// certificates are those in the Secret of the chart, made when there are none yet. The authority goes
// where the API server looks for it.
func (m *metallb) certificates(ctx context.Context) (certificates, error) {
	secrets := m.pod.Client.CoreV1().Secrets(m.pod.Namespace)

	secret, err := secrets.Get(ctx, metallbWebhookSecret, metav1.GetOptions{})
	if err != nil {
		return certificates{}, err
	}

	pair := certificates{authority: secret.Data["ca.crt"], certificate: secret.Data["tls.crt"], key: secret.Data["tls.key"]}

	if len(pair.key) == 0 {
		if pair, err = issue("metallb", fmt.Sprintf("%s.%s.svc", metallbService, m.pod.Namespace)); err != nil {
			return pair, err
		}

		secret.Data = map[string][]byte{"ca.crt": pair.authority, "tls.crt": pair.certificate, "tls.key": pair.key}
		if _, err = secrets.Update(ctx, secret, metav1.UpdateOptions{}); err != nil {
			return pair, err
		}
	}

	return pair, errors.Join(m.trustInWebhook(ctx, pair.authority), m.trustInConversion(ctx, pair.authority))
}

func (m *metallb) trustInWebhook(ctx context.Context, authority []byte) error {
	configurations := m.pod.Client.AdmissionregistrationV1().ValidatingWebhookConfigurations()

	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		configuration, err := configurations.Get(ctx, metallbWebhook, metav1.GetOptions{})
		if err != nil {
			return err
		}

		for n := range configuration.Webhooks {
			configuration.Webhooks[n].ClientConfig.CABundle = authority
		}

		_, err = configurations.Update(ctx, configuration, metav1.UpdateOptions{FieldManager: "MetalLB"})

		return err
	})
}

func (m *metallb) trustInConversion(ctx context.Context, authority []byte) error {
	client := m.pod.Objects.Resource(definitions)

	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		crd, err := client.Get(ctx, metallbPeers, metav1.GetOptions{})
		if err != nil {
			return err
		}

		if _, asked, _ := unstructured.NestedMap(crd.Object, "spec", "conversion", "webhook", "clientConfig"); !asked {
			return nil
		}

		bundle := base64.StdEncoding.EncodeToString(authority)
		if err = unstructured.SetNestedField(crd.Object, bundle, "spec", "conversion", "webhook", "clientConfig", "caBundle"); err != nil {
			return err
		}

		_, err = client.Update(ctx, crd, metav1.UpdateOptions{FieldManager: "MetalLB"})

		return err
	})
}

func (m *metallb) follow(ctx context.Context) error {
	return m.pod.Follow(ctx, m.assign, Watched{addressPools, m.pod.Namespace}, Watched{services, ""})
}

// judgePool refuses pools in another namespace and addresses that are none or that another pool has.
func (m *metallb) judgePool(ctx context.Context, review *admissionv1.AdmissionRequest) error {
	if review.Operation == admissionv1.Delete {
		return nil
	}

	if err := m.judgePlace(ctx, review); err != nil {
		return err
	}

	asked := &unstructured.Unstructured{}
	if err := json.Unmarshal(review.Object.Raw, &asked.Object); err != nil {
		return err
	}

	others, err := m.pools(ctx)
	if err != nil {
		return err
	}

	wanted, err := readPool(asked)
	if err != nil {
		return err
	}

	for _, other := range others {
		if other.name != wanted.name {
			if err = wanted.apart(other); err != nil {
				return err
			}
		}
	}

	return nil
}

func (m *metallb) judgePlace(_ context.Context, review *admissionv1.AdmissionRequest) error {
	if review.Operation == admissionv1.Create && review.Namespace != m.pod.Namespace {
		return fmt.Errorf("resource must be created in %s namespace", m.pod.Namespace)
	}

	return nil
}

func (m *metallb) pools(ctx context.Context) ([]pool, error) {
	list, err := m.pod.Objects.Resource(addressPools).Namespace(m.pod.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}

	pools := make([]pool, len(list.Items))

	for n := range list.Items {
		if pools[n], err = readPool(&list.Items[n]); err != nil {
			return nil, err
		}
	}

	return pools, nil
}

// convert answers conversion reviews of BGPPeers, whose versions have the same fields as far as plain
// peers go.
func convert(w http.ResponseWriter, request *http.Request) {
	var review struct {
		metav1.TypeMeta `json:",inline"`

		Request struct {
			UID     string           `json:"uid"`
			Version string           `json:"desiredAPIVersion"`
			Objects []map[string]any `json:"objects"`
		} `json:"request"`
	}

	if !read(w, request, &review) {
		return
	}

	for _, object := range review.Request.Objects {
		object["apiVersion"] = review.Request.Version
	}

	write(w, map[string]any{
		"apiVersion": review.APIVersion, "kind": review.Kind,
		"response": map[string]any{
			"uid": review.Request.UID, "convertedObjects": review.Request.Objects, "result": map[string]any{"status": "Success"},
		},
	})
}
