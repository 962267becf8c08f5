package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/siderolabs/crypto/x509"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	webhookLabel  = externalSecretsGroup + "/component=webhook"
	authorityKey  = "ca.key"
	validatesPath = "/validate-external-secrets-io-v1-"
)

// externalSecretsWebhook judges with the certificate that it finds in its folder.
func externalSecretsWebhook(ctx context.Context, pod *Pod) error {
	var pair certificates

	for name, into := range map[string]*[]byte{tlsCertificateKey: &pair.certificate, tlsPrivateKey: &pair.key} {
		for *into == nil && ctx.Err() == nil {
			content, found, err := pod.File(ctx, pod.Flag("cert-dir")+"/"+name)
			if err != nil {
				return err
			}

			if *into = content; !found {
				pause(ctx, watchRetry)
			}
		}
	}

	if ctx.Err() != nil {
		return ctx.Err()
	}

	port, err := strconv.ParseInt(pod.Flag("port"), 10, 32)
	if err != nil {
		return fmt.Errorf("--port: %w", err)
	}

	mux := http.NewServeMux()
	mux.Handle(validatesPath+"secretstore", admit(judgeStore))
	mux.Handle(validatesPath+"clustersecretstore", admit(judgeStore))
	mux.Handle(validatesPath+"externalsecret", admit(judgeExternalSecret))

	return pod.serveTLS(ctx, int32(port), pair, mux)
}

// judgeExternalSecret refuses what would fetch nothing, or one key twice.
func judgeExternalSecret(_ context.Context, review *admissionv1.AdmissionRequest) error {
	var object struct {
		Spec struct {
			Target struct{ CreationPolicy, DeletionPolicy string } `json:"target"`
			Data   []struct{ SecretKey string }                    `json:"data"`
		} `json:"spec"`
	}

	if asked, err := readAsked(review, &object); err != nil || !asked {
		return err
	}

	var problems []error

	if object.Spec.Target.DeletionPolicy == "Delete" && object.Spec.Target.CreationPolicy != "Owner" {
		problems = append(problems, errors.New("deletionPolicy=Delete must not be used when the controller doesn't own the secret. Please set creationPolicy=Owner")) //nolint:staticcheck // its own words
	}

	if len(object.Spec.Data) == 0 {
		problems = append(problems, errors.New("either data or dataFrom should be specified"))
	}

	seen := map[string]bool{}

	for _, entry := range object.Spec.Data {
		if seen[entry.SecretKey] {
			problems = append(problems, fmt.Errorf("duplicate secretKey found: %s", entry.SecretKey))
		}

		seen[entry.SecretKey] = true
	}

	return errors.Join(problems...)
}

// judgeStore refuses a store that is none.
func judgeStore(_ context.Context, review *admissionv1.AdmissionRequest) error {
	var object struct {
		Spec struct {
			Provider map[string]any `json:"provider"`
		} `json:"spec"`
	}

	if asked, err := readAsked(review, &object); err != nil || !asked {
		return err
	}

	if len(object.Spec.Provider) != 1 {
		return fmt.Errorf("secret stores must only have exactly one backend specified, found %d", len(object.Spec.Provider))
	}

	return nil
}

// readAsked reads the object that is to be admitted; whatever is deleted is never refused.
func readAsked(review *admissionv1.AdmissionRequest, into any) (bool, error) {
	if review.Operation == admissionv1.Delete {
		return false, nil
	}

	return true, json.Unmarshal(review.Object.Raw, into)
}

// externalSecretsCertificates fills the webhook's Secret with a certificate of an authority of its own, once, and
// writes that authority into the webhook's configurations.
func externalSecretsCertificates(ctx context.Context, pod *Pod) error {
	configurations := resource("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations")
	ready := false

	return pod.Follow(ctx, func(ctx context.Context) error {
		authority, err := keepServing(ctx, pod)
		if err != nil {
			return err
		}

		list, err := pod.Objects.Resource(configurations).List(ctx, metav1.ListOptions{LabelSelector: webhookLabel})
		if err != nil {
			return err
		}

		for n := range list.Items {
			if !setAuthority(&list.Items[n], authority) {
				continue
			}

			if _, err = pod.Objects.Resource(configurations).Update(ctx, &list.Items[n], metav1.UpdateOptions{}); err != nil {
				return err
			}
		}

		if !ready {
			ready = true
			pod.Ready()
		}

		return nil
	}, Watched{configurations, ""}, Watched{resource("", "v1", "secrets"), pod.Namespace})
}

// keepServing is the authority in the Secret that the chart has made empty.
func keepServing(ctx context.Context, pod *Pod) ([]byte, error) {
	secrets := pod.Client.CoreV1().Secrets(pod.Flag("secret-namespace"))

	secret, err := secrets.Get(ctx, pod.Flag("secret-name"), metav1.GetOptions{})
	if err != nil {
		return nil, err
	}

	if len(secret.Data[webhookAuthority]) > 0 {
		return secret.Data[webhookAuthority], nil
	}

	authority, err := newAuthority("external-secrets")
	if err != nil {
		return nil, err
	}

	return authority.Crt, fillServing(ctx, pod, secret, authority)
}

func fillServing(ctx context.Context, pod *Pod, secret *corev1.Secret, authority *x509.PEMEncodedCertificateAndKey) error {
	name := pod.Flag("service-name") + "." + pod.Flag("service-namespace") + ".svc"

	pair, err := sign(authority, authorityLifetime, name, []string{name}, nil)
	if err != nil {
		return err
	}

	secret.Data = map[string][]byte{
		webhookAuthority: pair.authority, authorityKey: authority.Key, tlsCertificateKey: pair.certificate, tlsPrivateKey: pair.key,
	}

	_, err = pod.Client.CoreV1().Secrets(secret.Namespace).Update(ctx, secret, metav1.UpdateOptions{})

	return err
}
