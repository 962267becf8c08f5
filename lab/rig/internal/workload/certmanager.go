package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/siderolabs/crypto/x509"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	certManagerGroup  = "cert-manager.io"
	injectFromSecret  = certManagerGroup + "/inject-ca-from-secret"
	injectFrom        = certManagerGroup + "/inject-ca-from"
	allowInjection    = certManagerGroup + "/allow-direct-injection"
	webhookPort       = 10250
	webhookAuthority  = "ca.crt"
	tlsCertificateKey = "tls.crt"
	tlsPrivateKey     = "tls.key"
)

// certManagerWebhook serves cert-manager's webhook with a certificate of the authority that it keeps.
func certManagerWebhook(ctx context.Context, pod *Pod) error {
	names := pod.Flags("dynamic-serving-dns-names")
	if len(names) == 0 {
		return errors.New("only a certificate that it makes itself can be served: use --dynamic-serving-dns-names")
	}

	authority, err := keepAuthority(ctx, pod, pod.Flag("dynamic-serving-ca-secret-namespace"), pod.Flag("dynamic-serving-ca-secret-name"))
	if err != nil {
		return err
	}

	pair, err := sign(authority, authorityLifetime, names[0], names, nil)
	if err != nil {
		return err
	}

	port, err := strconv.ParseInt(pod.Flag("secure-port"), 10, 32)
	if err != nil {
		port = webhookPort
	}

	mux := http.NewServeMux()
	mux.Handle("/validate", admit(judgeCertificate))
	mux.Handle("/mutate", admit(func(context.Context, *admissionv1.AdmissionRequest) error { return nil }))

	return pod.serveTLS(ctx, int32(port), pair, mux)
}

// keepAuthority is the one in a Secret, which the first of several webhooks makes.
func keepAuthority(ctx context.Context, pod *Pod, namespace, name string) (*x509.PEMEncodedCertificateAndKey, error) {
	secrets := pod.Client.CoreV1().Secrets(namespace)

	secret, err := secrets.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		made, failed := newAuthority(certManagerGroup)
		if failed != nil {
			return nil, failed
		}

		secret, err = secrets.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{allowInjection: "true"}},
			Data:       map[string][]byte{webhookAuthority: made.Crt, tlsCertificateKey: made.Crt, tlsPrivateKey: made.Key},
		}, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			secret, err = secrets.Get(ctx, name, metav1.GetOptions{})
		}
	}

	if err != nil {
		return nil, err
	}

	return &x509.PEMEncodedCertificateAndKey{Crt: secret.Data[tlsCertificateKey], Key: secret.Data[tlsPrivateKey]}, nil
}

// judgeCertificate refuses a Certificate for nobody.
func judgeCertificate(_ context.Context, review *admissionv1.AdmissionRequest) error {
	if review.Kind.Kind != "Certificate" {
		return nil
	}

	asked := &unstructured.Unstructured{}
	if err := json.Unmarshal(review.Object.Raw, &asked.Object); err != nil {
		return err
	}

	subject := readCertificate(asked)
	if subject.commonName == "" && len(subject.names) == 0 && len(subject.addresses) == 0 {
		return errors.New("spec: Invalid value: \"\": at least one of commonName, dnsNames, uriSANs, ipAddresses, emailSANs or otherNames must be set")
	}

	if subject.issuer == "" {
		return errors.New("spec.issuerRef.name: Required value: must be specified")
	}

	return nil
}

// certManagerInjector writes authorities where their webhooks ask for them.
func certManagerInjector(ctx context.Context, pod *Pod) error {
	validating := resource("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations")
	mutating := resource("admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations")
	apis := resource("apiregistration.k8s.io", "v1", "apiservices")

	pod.Ready()

	return pod.Follow(ctx, func(ctx context.Context) error {
		var problems []error

		for _, kind := range []Watched{{validating, ""}, {mutating, ""}, {apis, ""}} {
			list, err := pod.Objects.Resource(kind.kind).List(ctx, metav1.ListOptions{})
			if err != nil {
				return err
			}

			for n := range list.Items {
				problems = append(problems, inject(ctx, pod, kind, &list.Items[n]))
			}
		}

		return errors.Join(problems...)
	}, Watched{validating, ""}, Watched{mutating, ""}, Watched{apis, ""}, Watched{resource("", "v1", "secrets"), ""})
}

func inject(ctx context.Context, pod *Pod, kind Watched, configuration *unstructured.Unstructured) error {
	namespace, name, asked := strings.Cut(configuration.GetAnnotations()[injectFromSecret], "/")
	direct := asked

	if !asked {
		if namespace, name, asked = strings.Cut(configuration.GetAnnotations()[injectFrom], "/"); !asked {
			return nil
		}

		certificate, err := pod.Objects.Resource(certificateObjects).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}

		if err != nil {
			return err
		}

		name = readCertificate(certificate).secret
	}

	secret, err := pod.Client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}

	if err != nil {
		return err
	}

	if direct && secret.Annotations[allowInjection] != "true" {
		return fmt.Errorf("secret %s/%s does not allow its authority to be injected", namespace, name)
	}

	if !setAuthority(configuration, secret.Data[webhookAuthority]) {
		return nil
	}

	_, err = pod.Objects.Resource(kind.kind).Update(ctx, configuration, metav1.UpdateOptions{})

	return err
}

// setAuthority changes all webhooks of a configuration, or an API, and says whether one was different.
func setAuthority(object *unstructured.Unstructured, authority []byte) bool {
	if len(authority) == 0 {
		return false
	}

	text, _ := json.Marshal(authority)
	bundle := strings.Trim(string(text), `"`)

	if object.GetKind() == "APIService" {
		present, _, _ := unstructured.NestedString(object.Object, "spec", "caBundle")
		_ = unstructured.SetNestedField(object.Object, bundle, "spec", "caBundle")

		return present != bundle
	}

	webhooks, _, _ := unstructured.NestedSlice(object.Object, "webhooks")
	changed := false

	for _, entry := range webhooks {
		webhook, _ := entry.(map[string]any)
		if present, _, _ := unstructured.NestedString(webhook, "clientConfig", "caBundle"); present != bundle {
			_ = unstructured.SetNestedField(webhook, bundle, "clientConfig", "caBundle")
			changed = true
		}
	}

	_ = unstructured.SetNestedSlice(object.Object, webhooks, "webhooks")

	return changed
}
