// Package pki issues the certificates of machines and their programs from the authorities that
// a machine configuration carries.
package pki

import (
	stdx509 "crypto/x509"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/siderolabs/crypto/x509"
)

// Leaf describes a certificate to issue.
type Leaf struct {
	Name          string
	Organizations []string
	Usage         []stdx509.ExtKeyUsage
	Names         Names
}

// What a certificate is for.
var (
	ServerAuth = []stdx509.ExtKeyUsage{stdx509.ExtKeyUsageServerAuth}
	ClientAuth = []stdx509.ExtKeyUsage{stdx509.ExtKeyUsageClientAuth}
	BothAuth   = []stdx509.ExtKeyUsage{stdx509.ExtKeyUsageServerAuth, stdx509.ExtKeyUsageClientAuth}
)

const leafLifetime = 365 * 24 * time.Hour

// ErrNoKey: workers hold the authority's certificate without its key.
var ErrNoKey = errors.New("the machine configuration has no key for this certificate authority")

// Issue signs a leaf with an authority of the machine configuration.
func Issue(authority *x509.PEMEncodedCertificateAndKey, l Leaf) (*x509.KeyPair, error) {
	if authority == nil || len(authority.Key) == 0 {
		return nil, ErrNoKey
	}

	ca, err := x509.NewCertificateAuthorityFromCertificateAndKey(authority)
	if err != nil {
		return nil, err
	}

	now := time.Now()

	return x509.NewKeyPair(ca,
		x509.CommonName(l.Name),
		x509.Organization(l.Organizations...),
		x509.NotBefore(now.Add(-time.Minute)),
		x509.NotAfter(now.Add(leafLifetime)),
		x509.KeyUsage(stdx509.KeyUsageDigitalSignature|stdx509.KeyUsageKeyEncipherment),
		x509.ExtKeyUsage(l.Usage),
		x509.IPAddresses(l.Names.ips()),
		x509.DNSNames(l.Names.dns()),
	)
}

// Names are subject alternative names, addresses and DNS names mixed.
type Names []string

// Normalised sorts the names and drops empty and repeated ones.
func (s Names) Normalised() Names {
	s = slices.DeleteFunc(slices.Clone(s), func(name string) bool { return name == "" })
	slices.Sort(s)

	return slices.Compact(s)
}

func (s Names) ips() []net.IP {
	var ips []net.IP

	for _, name := range s.Normalised() {
		if ip := net.ParseIP(name); ip != nil {
			ips = append(ips, ip)
		}
	}

	return ips
}

func (s Names) dns() []string {
	return slices.DeleteFunc(slices.Clone(s.Normalised()), func(name string) bool {
		_, err := netip.ParseAddr(name)

		return err == nil
	})
}
