package workload

import (
	"crypto/x509"
	"encoding/pem"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestACertificateIsKeptAsLongAsItIsWhatIsAskedFor(t *testing.T) {
	authority, err := newAuthority("site")
	if err != nil {
		t.Fatal(err)
	}

	wanted := wantedCertificate{names: []string{"b.example.org", "a.example.org"}}

	pair, err := sign(authority, certificateLifetime, wanted.commonName, wanted.names, nil)
	if err != nil {
		t.Fatal(err)
	}

	block, _ := pem.Decode(pair.certificate)

	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.Crt)

	if _, err = leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "a.example.org"}); err != nil {
		t.Errorf("its authority does not vouch for it: %v", err)
	}

	secret := &corev1.Secret{Data: map[string][]byte{webhookAuthority: pair.authority, tlsCertificateKey: pair.certificate, tlsPrivateKey: pair.key}}
	if !wanted.met(secret, authority) {
		t.Error("a fresh certificate is made again")
	}

	if (wantedCertificate{names: []string{"c.example.org"}}).met(secret, authority) {
		t.Error("other names are taken for met")
	}

	other, err := newAuthority("other")
	if err != nil {
		t.Fatal(err)
	}

	if wanted.met(secret, other) {
		t.Error("a certificate of another authority is kept")
	}

	short, err := sign(authority, certificateLifetime/4, "", wanted.names, nil)
	if err != nil {
		t.Fatal(err)
	}

	secret.Data[tlsCertificateKey] = short.certificate
	if wanted.met(secret, authority) {
		t.Error("a certificate in its last third is not renewed")
	}
}

func TestAConditionIsWrittenOnce(t *testing.T) {
	object := &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{
		"revision": int64(3), "conditions": []any{map[string]any{"type": "Other", "status": "True", "reason": "x", "message": "", "lastTransitionTime": nil}},
	}}}
	ready := metav1.Condition{Type: "Ready", Status: metav1.ConditionTrue, Reason: "Good"}

	if !setCondition(object, ready) || setCondition(object, ready) {
		t.Error("the first time is a change, the second is none")
	}

	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	if revision, _, _ := unstructured.NestedInt64(object.Object, "status", "revision"); len(conditions) != 2 || revision != 3 {
		t.Errorf("the rest of the status is lost: %v", object.Object)
	}
}
