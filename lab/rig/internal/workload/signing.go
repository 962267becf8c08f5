package workload

import (
	"bytes"
	"context"
	stdx509 "crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/siderolabs/crypto/x509"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// certificateLifetime is what cert-manager asks for when nothing is said; it renews after two thirds.
const certificateLifetime = 90 * 24 * time.Hour

// wantedCertificate is what a Certificate asks for.
type wantedCertificate struct {
	secret, commonName, issuer, issuerKind string
	names                                  []string
	addresses                              []net.IP
	// authority: it may sign others.
	authority bool
}

func readCertificate(object *unstructured.Unstructured) wantedCertificate {
	field := func(path ...string) string {
		value, _, _ := unstructured.NestedString(object.Object, append([]string{"spec"}, path...)...)

		return value
	}
	wanted := wantedCertificate{
		secret: field("secretName"), commonName: field("commonName"), issuer: field("issuerRef", "name"), issuerKind: field("issuerRef", "kind"),
	}
	wanted.authority, _, _ = unstructured.NestedBool(object.Object, "spec", "isCA")
	wanted.names, _, _ = unstructured.NestedStringSlice(object.Object, "spec", "dnsNames")

	texts, _, _ := unstructured.NestedStringSlice(object.Object, "spec", "ipAddresses")
	for _, text := range texts {
		if address := net.ParseIP(text); address != nil {
			wanted.addresses = append(wanted.addresses, address)
		}
	}

	return wanted
}

func (c *certManager) signAll(ctx context.Context) error {
	list, err := c.pod.Objects.Resource(certificateObjects).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}

	var problems []error

	for n := range list.Items {
		if err = c.sign(ctx, &list.Items[n]); err != nil {
			problems = append(problems, fmt.Errorf("certificate %s/%s: %w", list.Items[n].GetNamespace(), list.Items[n].GetName(), err))
		}
	}

	return errors.Join(problems...)
}

// sign keeps the Secret of a Certificate, and says in its status how that went.
func (c *certManager) sign(ctx context.Context, object *unstructured.Unstructured) error {
	if object.GetDeletionTimestamp() != nil {
		return nil
	}

	condition := metav1.Condition{Type: "Ready", Status: metav1.ConditionTrue, Reason: "Ready", Message: "Certificate is up to date and has not expired"}

	if err := c.keepSecret(ctx, object, readCertificate(object)); err != nil {
		condition.Status, condition.Reason, condition.Message = metav1.ConditionFalse, "Failed", err.Error()
	}

	condition.ObservedGeneration = object.GetGeneration()
	if !setCondition(object, condition) {
		return nil
	}

	_, err := c.pod.Objects.Resource(certificateObjects).Namespace(object.GetNamespace()).UpdateStatus(ctx, object, metav1.UpdateOptions{})

	return err
}

func (c *certManager) keepSecret(ctx context.Context, object *unstructured.Unstructured, wanted wantedCertificate) error {
	issuer, err := c.issuerOf(ctx, object.GetNamespace(), wanted)
	if err != nil {
		return err
	}

	var authority *x509.PEMEncodedCertificateAndKey
	if !isACME(issuer) {
		if authority, err = c.authority(ctx, issuer); err != nil {
			return fmt.Errorf("issuer %s is not ready: %w", wanted.issuer, err)
		}
	}

	secrets := c.pod.Client.CoreV1().Secrets(object.GetNamespace())

	secret, err := secrets.Get(ctx, wanted.secret, metav1.GetOptions{})
	missing := apierrors.IsNotFound(err)

	if err != nil && !missing {
		return err
	}

	if !missing && wanted.met(secret, authority) {
		return nil
	}

	pair, err := c.signed(ctx, issuer, authority, wanted)
	if err != nil {
		return err
	}

	data := map[string][]byte{tlsCertificateKey: pair.certificate, tlsPrivateKey: pair.key}
	if pair.authority != nil {
		data[webhookAuthority] = pair.authority
	}

	annotations := map[string]string{
		certManagerGroup + "/certificate-name": object.GetName(), issuerNameAnnotation: wanted.issuer,
		certManagerGroup + "/issuer-kind": wanted.issuerKind,
	}

	if missing {
		_, err = secrets.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Name: wanted.secret, Labels: map[string]string{"controller.cert-manager.io/fao": "true"}, Annotations: annotations,
			},
			Type: corev1.SecretTypeTLS, Data: data,
		}, metav1.CreateOptions{})

		return err
	}

	secret.Data = data
	secret.Annotations = annotations
	_, err = secrets.Update(ctx, secret, metav1.UpdateOptions{})

	return err
}

// issuerOf is the one that a Certificate names: of its own namespace, unless it says otherwise.
func (c *certManager) issuerOf(ctx context.Context, namespace string, wanted wantedCertificate) (*unstructured.Unstructured, error) {
	kinds := map[string]schema.GroupVersionResource{"": issuers, "Issuer": issuers, "ClusterIssuer": clusterIssuers}

	kind, known := kinds[wanted.issuerKind]
	if !known {
		return nil, fmt.Errorf("the lab knows no issuers of kind %s", wanted.issuerKind)
	}

	if kind == clusterIssuers {
		namespace = ""
	}

	return c.pod.Objects.Resource(kind).Namespace(namespace).Get(ctx, wanted.issuer, metav1.GetOptions{})
}

// signed has a certificate made: ordered, signed by an authority, or by itself where there is none.
func (c *certManager) signed(ctx context.Context, issuer *unstructured.Unstructured, authority *x509.PEMEncodedCertificateAndKey, wanted wantedCertificate) (certificates, error) {
	if isACME(issuer) {
		return c.order(ctx, issuer, wanted.names)
	}

	if wanted.authority && authority != nil {
		return certificates{}, errors.New("the lab makes no authority below another one")
	}

	if authority == nil {
		own, err := newAuthority(wanted.commonName)
		if err != nil {
			return certificates{}, err
		}

		if wanted.authority {
			return certificates{authority: own.Crt, certificate: own.Crt, key: own.Key}, nil
		}

		authority = own
	}

	return sign(authority, certificateLifetime, wanted.commonName, wanted.names, wanted.addresses)
}

// met says whether a Secret holds a certificate as wanted, of this issuer and authority, in its first two thirds.
func (w wantedCertificate) met(secret *corev1.Secret, authority *x509.PEMEncodedCertificateAndKey) bool {
	block, _ := pem.Decode(secret.Data[tlsCertificateKey])
	if block == nil || len(secret.Data[tlsPrivateKey]) == 0 {
		return false
	}

	leaf, err := stdx509.ParseCertificate(block.Bytes)
	if err != nil || time.Until(leaf.NotAfter) < certificateLifetime/3 || secret.Annotations[issuerNameAnnotation] != w.issuer {
		return false
	}

	if w.authority {
		return leaf.IsCA
	}

	if authority != nil && !bytes.Equal(authority.Crt, secret.Data[webhookAuthority]) {
		return false
	}

	had, asked := slices.Clone(leaf.DNSNames), slices.Clone(w.names)
	slices.Sort(had)
	slices.Sort(asked)

	return slices.Equal(had, asked) && (w.commonName == "" || leaf.Subject.CommonName == w.commonName)
}
