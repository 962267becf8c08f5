package workload

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	stdx509 "crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/crypto/acme"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	acmeRequestTimeout = 10 * time.Second
	// acmeOrderTimeout bounds an order: everything else waits for it.
	acmeOrderTimeout = 60 * time.Second
)

// acmeAccount is an issuer's own at an ACME server.
type acmeAccount struct {
	client *acme.Client
	uri    string
}

// account is the one of an issuer, registered when it is first asked for. A change of the issuer registers anew.
func (c *certManager) account(ctx context.Context, issuer *unstructured.Unstructured) (*acmeAccount, error) {
	key := fmt.Sprintf("%s/%d", issuer.GetUID(), issuer.GetGeneration())
	if known := c.accounts[key]; known != nil {
		return known, nil
	}

	ctx, cancel := context.WithTimeout(ctx, acmeOrderTimeout)
	defer cancel()

	field := func(path ...string) string {
		value, _, _ := unstructured.NestedString(issuer.Object, append([]string{"spec", "acme"}, path...)...)

		return value
	}

	private, err := c.accountKey(ctx, field("privateKeySecretRef", "name"))
	if err != nil {
		return nil, err
	}

	trusted, err := acmeTrust(field("caBundle"))
	if err != nil {
		return nil, err
	}

	client := &acme.Client{Key: private, DirectoryURL: field("server"), UserAgent: "cert-manager", HTTPClient: &http.Client{
		Timeout:   acmeRequestTimeout,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}},
	}}

	account, err := client.Register(ctx, &acme.Account{Contact: []string{"mailto:" + field("email")}}, acme.AcceptTOS)
	if errors.Is(err, acme.ErrAccountAlreadyExists) {
		account, err = client.GetReg(ctx, "")
	}

	if err != nil {
		return nil, fmt.Errorf("Failed to register ACME account: %w", err) //nolint:staticcheck // its own words
	}

	c.accounts[key] = &acmeAccount{client: client, uri: account.URI}

	return c.accounts[key], nil
}

// acmeTrust are the authorities of a bundle, or those of this computer.
func acmeTrust(bundle string) (*stdx509.CertPool, error) {
	if bundle == "" {
		return nil, nil
	}

	text, err := base64.StdEncoding.DecodeString(bundle)
	if err != nil {
		return nil, fmt.Errorf("caBundle: %w", err)
	}

	pool := stdx509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("caBundle holds no certificate")
	}

	return pool, nil
}

// accountKey is the one in a Secret, which the first that asks makes.
func (c *certManager) accountKey(ctx context.Context, name string) (crypto.Signer, error) {
	secrets := c.pod.Client.CoreV1().Secrets(c.namespace)

	secret, err := secrets.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, text, failed := newKey()
		if failed != nil {
			return nil, failed
		}

		secret, err = secrets.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string][]byte{tlsPrivateKey: text},
		}, metav1.CreateOptions{})
	}

	if err != nil {
		return nil, err
	}

	block, _ := pem.Decode(secret.Data[tlsPrivateKey])
	if block == nil {
		return nil, fmt.Errorf("secret %s holds no key", name)
	}

	return stdx509.ParseECPrivateKey(block.Bytes)
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}

	der, err := stdx509.MarshalECPrivateKey(key)

	return key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), err
}

// order has a certificate signed by the ACME server of an issuer, for names that are shown to be ours.
func (c *certManager) order(ctx context.Context, issuer *unstructured.Unstructured, names []string) (certificates, error) {
	account, err := c.account(ctx, issuer)
	if err != nil {
		return certificates{}, err
	}

	ctx, cancel := context.WithTimeout(ctx, acmeOrderTimeout)
	defer cancel()

	order, err := account.client.AuthorizeOrder(ctx, acme.DomainIDs(names...))
	if err != nil {
		return certificates{}, err
	}

	for _, url := range order.AuthzURLs {
		if err = c.authorize(ctx, account.client, issuer, url); err != nil {
			return certificates{}, err
		}
	}

	if _, err = account.client.WaitOrder(ctx, order.URI); err != nil {
		return certificates{}, err
	}

	key, text, err := newKey()
	if err != nil {
		return certificates{}, err
	}

	request, err := stdx509.CreateCertificateRequest(rand.Reader, &stdx509.CertificateRequest{DNSNames: names}, key)
	if err != nil {
		return certificates{}, err
	}

	chain, _, err := account.client.CreateCertFromOrder(ctx, order, request, true)
	if err != nil {
		return certificates{}, err
	}

	pair := certificates{key: text}
	for _, der := range chain {
		pair.certificate = append(pair.certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}

	return pair, nil
}

// authorize shows that one name is ours, and takes away what showed it.
func (c *certManager) authorize(ctx context.Context, client *acme.Client, issuer *unstructured.Unstructured, url string) error {
	authorization, err := client.GetAuthorization(ctx, url)
	if err != nil || authorization.Status == acme.StatusValid {
		return err
	}

	for _, challenge := range authorization.Challenges {
		if challenge.Type != "dns-01" {
			continue
		}

		value, err := client.DNS01ChallengeRecord(challenge.Token)
		if err != nil {
			return err
		}

		solver, err := c.dnsSolver(issuer, authorization.Identifier.Value, value)
		if err != nil {
			return err
		}

		if err = solver.ask(ctx, presentChallenge); err != nil {
			return err
		}

		_, err = client.Accept(ctx, challenge)
		if err == nil {
			_, err = client.WaitAuthorization(ctx, url)
		}

		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), acmeRequestTimeout)
		defer cancel()

		return errors.Join(err, solver.ask(last, cleanUpChallenge))
	}

	return errors.New("the lab only knows the challenge dns-01, and the ACME server offers none")
}
