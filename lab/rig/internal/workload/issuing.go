package workload

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/siderolabs/crypto/x509"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	clusterIssuerAnnotation = certManagerGroup + "/cluster-issuer"
	issuerNameAnnotation    = certManagerGroup + "/issuer-name"
)

var (
	clusterIssuers     = resource(certManagerGroup, "v1", "clusterissuers")
	issuers            = resource(certManagerGroup, "v1", "issuers")
	certificateObjects = resource(certManagerGroup, "v1", "certificates")
)

// certManagerController signs Certificates by issuers that have an authority or sign themselves, orders those of ACME
// servers by DNS-01 through a webhook, and makes Certificates for Ingresses that ask for one. CertificateRequests,
// Orders and Challenges as objects, HTTP-01 and looking a record up before the server is told are not there.
func certManagerController(ctx context.Context, pod *Pod) error {
	c := &certManager{pod: pod, namespace: pod.Flag("cluster-resource-namespace"), accounts: map[string]*acmeAccount{}}

	pod.Ready()
	return pod.Follow(ctx, func(ctx context.Context) error {
		return errors.Join(c.judgeIssuers(ctx), c.followIngresses(ctx), c.signAll(ctx))
	}, Watched{clusterIssuers, ""}, Watched{issuers, ""}, Watched{certificateObjects, ""}, Watched{resource("", "v1", "secrets"), ""},
		Watched{resource("networking.k8s.io", "v1", "ingresses"), ""})
}

type certManager struct {
	pod *Pod
	// namespace holds what ClusterIssuers need.
	namespace string
	accounts  map[string]*acmeAccount
}

// judgeIssuers says of every issuer whether it can sign.
func (c *certManager) judgeIssuers(ctx context.Context) error {
	var problems []error

	for _, kind := range []schema.GroupVersionResource{clusterIssuers, issuers} {
		list, err := c.pod.Objects.Resource(kind).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}

		for n := range list.Items {
			issuer := &list.Items[n]

			changed := c.judge(ctx, issuer)
			if changed {
				_, err = c.pod.Objects.Resource(kind).Namespace(issuer.GetNamespace()).UpdateStatus(ctx, issuer, metav1.UpdateOptions{})
				problems = append(problems, err)
			}
		}
	}

	return errors.Join(problems...)
}

// judge writes into an issuer's status whether it can sign, and says whether that is news.
func (c *certManager) judge(ctx context.Context, issuer *unstructured.Unstructured) bool {
	condition := metav1.Condition{Type: "Ready", Status: metav1.ConditionTrue, Reason: "KeyPairVerified", Message: "Signing CA verified"}

	if isACME(issuer) {
		condition.Reason, condition.Message = "ACMEAccountRegistered", "The ACME account was registered with the ACME server"

		account, err := c.account(ctx, issuer)
		if err != nil {
			condition.Status, condition.Reason, condition.Message = metav1.ConditionFalse, "ErrRegisterACMEAccount", err.Error()
		} else {
			_ = unstructured.SetNestedField(issuer.Object, account.uri, "status", "acme", "uri")
		}
	} else if _, err := c.authority(ctx, issuer); err != nil {
		condition.Status, condition.Reason, condition.Message = metav1.ConditionFalse, "ErrGetKeyPair", err.Error()
	}

	return setCondition(issuer, condition)
}

func isACME(issuer *unstructured.Unstructured) bool {
	_, found, _ := unstructured.NestedMap(issuer.Object, "spec", "acme")

	return found
}

// authority is what an issuer signs with; nil when each certificate signs itself.
func (c *certManager) authority(ctx context.Context, issuer *unstructured.Unstructured) (*x509.PEMEncodedCertificateAndKey, error) {
	spec, _, _ := unstructured.NestedMap(issuer.Object, "spec")

	switch {
	case spec["selfSigned"] != nil:
		return nil, nil
	case spec["ca"] != nil:
		name, _, _ := unstructured.NestedString(issuer.Object, "spec", "ca", "secretName")

		secret, err := c.pod.Client.CoreV1().Secrets(cmp.Or(issuer.GetNamespace(), c.namespace)).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("error getting keypair for CA issuer: %w", err)
		}

		return &x509.PEMEncodedCertificateAndKey{Crt: secret.Data[tlsCertificateKey], Key: secret.Data[tlsPrivateKey]}, nil
	default:
		return nil, errors.New("the lab only signs by an authority of the site's own (ca), without one (selfSigned), or through an ACME server")
	}
}

// followIngresses makes a Certificate for every TLS entry of an Ingress that names a ClusterIssuer.
func (c *certManager) followIngresses(ctx context.Context) error {
	list, err := c.pod.Client.NetworkingV1().Ingresses("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}

	var problems []error

	for n := range list.Items {
		item := &list.Items[n]

		issuer := item.Annotations[clusterIssuerAnnotation]
		if issuer == "" || item.DeletionTimestamp != nil {
			continue
		}

		for _, entry := range item.Spec.TLS {
			if entry.SecretName != "" && len(entry.Hosts) > 0 {
				problems = append(problems, c.wantCertificate(ctx, item, issuer, entry))
			}
		}
	}

	return errors.Join(problems...)
}

func (c *certManager) wantCertificate(ctx context.Context, owner *networkingv1.Ingress, issuer string, entry networkingv1.IngressTLS) error {
	names := make([]any, len(entry.Hosts))
	for n, host := range entry.Hosts {
		names[n] = host
	}

	spec := map[string]any{
		"secretName": entry.SecretName, "dnsNames": names,
		"issuerRef": map[string]any{"group": certManagerGroup, "kind": "ClusterIssuer", "name": issuer},
	}
	client := c.pod.Objects.Resource(certificateObjects).Namespace(owner.Namespace)

	live, err := client.Get(ctx, entry.SecretName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		controller := true
		wanted := &unstructured.Unstructured{Object: map[string]any{"apiVersion": certManagerGroup + "/v1", "kind": "Certificate", "spec": spec}}
		wanted.SetName(entry.SecretName)
		wanted.SetOwnerReferences([]metav1.OwnerReference{{
			APIVersion: "networking.k8s.io/v1", Kind: "Ingress", Name: owner.Name, UID: owner.UID, Controller: &controller, BlockOwnerDeletion: &controller,
		}})

		_, err = client.Create(ctx, wanted, metav1.CreateOptions{})

		return err
	}

	if err != nil {
		return err
	}

	was, now := readCertificate(live), readCertificate(&unstructured.Unstructured{Object: map[string]any{"spec": spec}})
	if slices.Equal(was.names, now.names) && was.issuer == now.issuer || !metav1.IsControlledBy(live, owner) {
		return nil
	}

	live.Object["spec"] = spec
	_, err = client.Update(ctx, live, metav1.UpdateOptions{})

	return err
}
