package workload

import (
	stdx509 "crypto/x509"
	"net"
	"time"

	"github.com/siderolabs/crypto/x509"
)

const authorityLifetime = 10 * 365 * 24 * time.Hour

// certificates are an authority and what it has signed for one server.
type certificates struct {
	authority, certificate, key []byte
}

// newAuthority is a certificate that signs itself, with its key.
func newAuthority(organization string) (*x509.PEMEncodedCertificateAndKey, error) {
	now := time.Now()

	authority, err := x509.NewSelfSignedCertificateAuthority(
		x509.Organization(organization), x509.NotBefore(now.Add(-time.Minute)), x509.NotAfter(now.Add(authorityLifetime)),
	)
	if err != nil {
		return nil, err
	}

	return &x509.PEMEncodedCertificateAndKey{Crt: authority.CrtPEM, Key: authority.KeyPEM}, nil
}

// sign issues a certificate for names and addresses.
func sign(by *x509.PEMEncodedCertificateAndKey, lifetime time.Duration, commonName string, names []string, addresses []net.IP) (certificates, error) {
	authority, err := x509.NewCertificateAuthorityFromCertificateAndKey(by)
	if err != nil {
		return certificates{}, err
	}

	now := time.Now()

	pair, err := x509.NewKeyPair(authority,
		x509.CommonName(commonName), x509.DNSNames(names), x509.IPAddresses(addresses),
		x509.NotBefore(now.Add(-time.Minute)), x509.NotAfter(now.Add(lifetime)),
		x509.KeyUsage(stdx509.KeyUsageDigitalSignature|stdx509.KeyUsageKeyEncipherment),
		x509.ExtKeyUsage([]stdx509.ExtKeyUsage{stdx509.ExtKeyUsageServerAuth}),
	)
	if err != nil {
		return certificates{}, err
	}

	return certificates{authority: by.Crt, certificate: pair.CrtPEM, key: pair.KeyPEM}, nil
}

// issue makes an authority of its own and a certificate for these names.
func issue(organization string, names ...string) (certificates, error) {
	authority, err := newAuthority(organization)
	if err != nil {
		return certificates{}, err
	}

	return sign(authority, authorityLifetime, names[0], names, nil)
}
