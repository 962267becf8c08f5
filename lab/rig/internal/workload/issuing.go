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
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	clusterIssuerAnnotation = certManagerGroup + "/cluster-issuer"
	// certificateLifetime is what cert-manager asks for when nothing is said; it renews after two thirds.
	certificateLifetime = 90 * 24 * time.Hour
)

var (
	clusterIssuers     = resource(certManagerGroup, "v1", "clusterissuers")
	certificateObjects = resource(certManagerGroup, "v1", "certificates")
)

// certManagerController signs Certificates by ClusterIssuers that have an authority or sign themselves, and
// makes Certificates for Ingresses that ask for one. Orders to ACME servers, CertificateRequests and
// Issuers of one namespace are not there.
func certManagerController(ctx context.Context, pod *Pod) error {
	c := &certManager{pod: pod, namespace: pod.Flag("cluster-resource-namespace")}

	pod.Ready()
	return pod.Follow(ctx, func(ctx context.Context) error {
		return errors.Join(c.judgeIssuers(ctx), c.followIngresses(ctx), c.signAll(ctx))
	}, Watched{clusterIssuers, ""}, Watched{certificateObjects, ""}, Watched{resource("", "v1", "secrets"), ""},
		Watched{resource("networking.k8s.io", "v1", "ingresses"), ""})
}

type certManager struct {
	pod       *Pod
	namespace string
}

// judgeIssuers says of every ClusterIssuer whether it can sign.
func (c *certManager) judgeIssuers(ctx context.Context) error {
	client := c.pod.Objects.Resource(clusterIssuers)

	list, err := client.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}

	var problems []error

	for n := range list.Items {
		issuer := &list.Items[n]
		condition := metav1.Condition{Type: "Ready", Status: metav1.ConditionTrue, Reason: "KeyPairVerified", Message: "Signing CA verified"}

		if _, err = c.authority(ctx, issuer); err != nil {
			condition.Status, condition.Reason, condition.Message = metav1.ConditionFalse, "ErrGetKeyPair", err.Error()
		}

		if setCondition(issuer, condition) {
			_, err = client.UpdateStatus(ctx, issuer, metav1.UpdateOptions{})
			problems = append(problems, err)
		}
	}

	return errors.Join(problems...)
}

// authority is what an issuer signs with; nil when each certificate signs itself.
func (c *certManager) authority(ctx context.Context, issuer *unstructured.Unstructured) (*x509.PEMEncodedCertificateAndKey, error) {
	spec, _, _ := unstructured.NestedMap(issuer.Object, "spec")

	switch {
	case spec["selfSigned"] != nil:
		return nil, nil
	case spec["ca"] != nil:
		name, _, _ := unstructured.NestedString(issuer.Object, "spec", "ca", "secretName")

		secret, err := c.pod.Client.CoreV1().Secrets(c.namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("error getting keypair for CA issuer: %w", err)
		}

		return &x509.PEMEncodedCertificateAndKey{Crt: secret.Data[tlsCertificateKey], Key: secret.Data[tlsPrivateKey]}, nil
	default:
		return nil, errors.New("the lab only signs by an authority of the site's own (ca) or without one (selfSigned)")
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

// wantedCertificate is what a Certificate asks for.
type wantedCertificate struct {
	secret, commonName, issuer, issuerKind string
	names                                  []string
	addresses                              []net.IP
}

func readCertificate(object *unstructured.Unstructured) wantedCertificate {
	field := func(path ...string) string {
		value, _, _ := unstructured.NestedString(object.Object, append([]string{"spec"}, path...)...)

		return value
	}
	wanted := wantedCertificate{
		secret: field("secretName"), commonName: field("commonName"), issuer: field("issuerRef", "name"), issuerKind: field("issuerRef", "kind"),
	}
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
	if wanted.issuerKind != "ClusterIssuer" {
		return errors.New("the lab only signs by ClusterIssuers")
	}

	issuer, err := c.pod.Objects.Resource(clusterIssuers).Get(ctx, wanted.issuer, metav1.GetOptions{})
	if err != nil {
		return err
	}

	authority, err := c.authority(ctx, issuer)
	if err != nil {
		return fmt.Errorf("issuer %s is not ready: %w", wanted.issuer, err)
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

	if authority == nil {
		if authority, err = newAuthority(wanted.commonName); err != nil {
			return err
		}
	}

	pair, err := sign(authority, certificateLifetime, wanted.commonName, wanted.names, wanted.addresses)
	if err != nil {
		return err
	}

	data := map[string][]byte{webhookAuthority: pair.authority, tlsCertificateKey: pair.certificate, tlsPrivateKey: pair.key}

	if missing {
		_, err = secrets.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Name:   wanted.secret,
				Labels: map[string]string{"controller.cert-manager.io/fao": "true"},
				Annotations: map[string]string{
					certManagerGroup + "/certificate-name": object.GetName(), certManagerGroup + "/issuer-name": wanted.issuer,
					certManagerGroup + "/issuer-kind": wanted.issuerKind,
				},
			},
			Type: corev1.SecretTypeTLS, Data: data,
		}, metav1.CreateOptions{})

		return err
	}

	secret.Data = data
	_, err = secrets.Update(ctx, secret, metav1.UpdateOptions{})

	return err
}

// met says whether a Secret holds a certificate as wanted, of this authority, in its first two thirds.
func (w wantedCertificate) met(secret *corev1.Secret, authority *x509.PEMEncodedCertificateAndKey) bool {
	block, _ := pem.Decode(secret.Data[tlsCertificateKey])
	if block == nil || len(secret.Data[tlsPrivateKey]) == 0 {
		return false
	}

	leaf, err := stdx509.ParseCertificate(block.Bytes)
	if err != nil || time.Until(leaf.NotAfter) < certificateLifetime/3 {
		return false
	}

	if authority != nil && !bytes.Equal(authority.Crt, secret.Data[webhookAuthority]) {
		return false
	}

	had, asked := slices.Clone(leaf.DNSNames), slices.Clone(w.names)
	slices.Sort(had)
	slices.Sort(asked)

	return slices.Equal(had, asked) && leaf.Subject.CommonName == w.commonName
}
