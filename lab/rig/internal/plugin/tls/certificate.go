package tls

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // key ids are not a matter of secrecy
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"

	"plinth.dev/lab/rig/internal/plugin/bridged"
	"plinth.dev/lab/rig/internal/plugin/property"
)

func certRequestResource() *bridged.Resource {
	return &bridged.Resource{
		Properties: names(bridged.Schema{
			"privateKeyPem":  {Required: true, Secret: true, Replaces: true},
			"keyAlgorithm":   {Output: true},
			"certRequestPem": {Output: true},
		}),
		Create: func(_ context.Context, planned property.Map) (string, error) {
			key, algorithm, err := keyOf(planned, "privateKeyPem")
			if err != nil {
				return "", err
			}
			addresses, uris, err := alternatives(planned)
			if err != nil {
				return "", err
			}
			der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
				Subject: distinguishedName(planned), DNSNames: property.Strings(planned, "dnsNames"), IPAddresses: addresses, URIs: uris,
			}, key)
			if err != nil {
				return "", err
			}
			planned["keyAlgorithm"], planned["certRequestPem"] = algorithm, encodePEM("CERTIFICATE REQUEST", der)
			return digest(der), nil
		},
	}
}

func selfSignedResource() *bridged.Resource {
	return &bridged.Resource{
		Properties: names(validity(bridged.Schema{
			"privateKeyPem":     {Required: true, Secret: true, Replaces: true},
			"keyAlgorithm":      {Output: true},
			"setAuthorityKeyId": {Kind: bridged.Bool, Default: false, Replaces: true},
		})),
		Plan: planRenewal,
		Create: func(_ context.Context, planned property.Map) (string, error) {
			key, algorithm, err := keyOf(planned, "privateKeyPem")
			if err != nil {
				return "", err
			}
			addresses, uris, err := alternatives(planned)
			if err != nil {
				return "", err
			}
			template := &x509.Certificate{
				Subject: distinguishedName(planned), DNSNames: property.Strings(planned, "dnsNames"), IPAddresses: addresses, URIs: uris,
			}
			if property.Bool(planned, "setAuthorityKeyId") {
				if template.AuthorityKeyId, err = keyID(key.Public()); err != nil {
					return "", err
				}
			}
			planned["keyAlgorithm"] = algorithm
			return issue(planned, template, template, key.Public(), key)
		},
	}
}

func locallySignedResource() *bridged.Resource {
	return &bridged.Resource{
		Properties: validity(bridged.Schema{
			"caCertPem":       {Required: true, Replaces: true},
			"caPrivateKeyPem": {Required: true, Secret: true, Replaces: true},
			"certRequestPem":  {Required: true, Replaces: true},
			"caKeyAlgorithm":  {Output: true},
		}),
		Plan: planRenewal,
		Create: func(_ context.Context, planned property.Map) (string, error) {
			key, algorithm, err := keyOf(planned, "caPrivateKeyPem")
			if err != nil {
				return "", err
			}
			der, err := decodePEM(planned, "caCertPem", "CERTIFICATE")
			if err != nil {
				return "", err
			}
			authority, err := x509.ParseCertificate(der)
			if err != nil {
				return "", fmt.Errorf("caCertPem: %w", err)
			}
			if der, err = decodePEM(planned, "certRequestPem", "CERTIFICATE REQUEST"); err != nil {
				return "", err
			}
			request, err := x509.ParseCertificateRequest(der)
			if err != nil {
				return "", fmt.Errorf("certRequestPem: %w", err)
			}
			planned["caKeyAlgorithm"] = algorithm
			return issue(planned, &x509.Certificate{
				RawSubject: request.RawSubject, DNSNames: request.DNSNames, IPAddresses: request.IPAddresses, URIs: request.URIs,
			}, authority, request.PublicKey, key)
		},
	}
}

// planRenewal asks for a new certificate once the old one is in its time of renewal.
func planRenewal(olds, planned property.Map) error {
	if olds == nil {
		return nil
	}
	end, err := time.Parse(time.RFC3339, property.String(olds, "validityEndTime"))
	if err != nil {
		return nil //nolint:nilerr // a state without a readable end has nothing to renew
	}
	if time.Now().After(renewalTime(end, planned)) {
		planned["readyForRenewal"] = property.Unknown{}
	}
	return nil
}

func renewalTime(end time.Time, planned property.Map) time.Time {
	return end.Add(-time.Duration(property.Number(planned, "earlyRenewalHours")) * time.Hour)
}

// issue signs a certificate, fills in the outputs and returns the id, the serial number.
func issue(planned property.Map, template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) (string, error) {
	limit := new(big.Int).Lsh(big.NewInt(1), 128)
	serial, err := rand.Int(rand.Reader, limit)
	if err != nil {
		return "", err
	}
	start := time.Now().UTC()
	end := start.Add(time.Duration(property.Number(planned, "validityPeriodHours")) * time.Hour)
	template.SerialNumber, template.NotBefore, template.NotAfter = serial, start, end
	template.BasicConstraintsValid, template.IsCA = true, property.Bool(planned, "isCaCertificate")
	if length, given := planned["maxPathLength"].(float64); given {
		template.MaxPathLen, template.MaxPathLenZero = int(length), length == 0
	} else {
		delete(planned, "maxPathLength")
	}
	if err := allow(template, property.Strings(planned, "allowedUses")); err != nil {
		return "", err
	}
	if property.Bool(planned, "setSubjectKeyId") {
		if template.SubjectKeyId, err = keyID(public); err != nil {
			return "", err
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return "", err
	}
	planned["certPem"] = encodePEM("CERTIFICATE", der)
	planned["validityStartTime"], planned["validityEndTime"] = start.Format(time.RFC3339Nano), end.Format(time.RFC3339Nano)
	planned["readyForRenewal"] = time.Now().After(renewalTime(end, planned))
	return serial.String(), nil
}

func decodePEM(planned property.Map, key, kind string) ([]byte, error) {
	block, rest := pem.Decode([]byte(property.String(planned, key)))
	if block == nil {
		return nil, fmt.Errorf("%s: failed to decode PEM block: decoded bytes 0, undecoded %d", key, len(rest))
	}
	if block.Type != kind {
		return nil, fmt.Errorf("%s: unexpected PEM type %q, expected %q", key, block.Type, kind)
	}
	return block.Bytes, nil
}

func keyID(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, err
	}
	sum := sha1.Sum(info.Key.Bytes) //nolint:gosec // RFC 5280's method of naming a key
	return sum[:], nil
}

func distinguishedName(planned property.Map) pkix.Name {
	given := property.Object(planned, "subject")
	list := func(key string) []string {
		if text := property.String(given, key); text != "" {
			return []string{text}
		}
		return nil
	}
	name := pkix.Name{
		CommonName: property.String(given, "commonName"), SerialNumber: property.String(given, "serialNumber"),
		Organization: list("organization"), OrganizationalUnit: list("organizationalUnit"), Country: list("country"),
		Locality: list("locality"), Province: list("province"), PostalCode: list("postalCode"),
		StreetAddress: property.Strings(given, "streetAddresses"),
	}
	if mail := property.String(given, "emailAddress"); mail != "" {
		name.ExtraNames = []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, Value: mail}}
	}
	return name
}

func alternatives(planned property.Map) (addresses []net.IP, uris []*url.URL, err error) {
	for _, text := range property.Strings(planned, "ipAddresses") {
		address := net.ParseIP(text)
		if address == nil {
			return nil, nil, fmt.Errorf("ipAddresses: %q is no IP address", text)
		}
		addresses = append(addresses, address)
	}
	for _, text := range property.Strings(planned, "uris") {
		uri, err := url.Parse(text)
		if err != nil {
			return nil, nil, fmt.Errorf("uris: %w", err)
		}
		uris = append(uris, uri)
	}
	return addresses, uris, nil
}

var keyUses = map[string]x509.KeyUsage{
	"digital_signature": x509.KeyUsageDigitalSignature, "content_commitment": x509.KeyUsageContentCommitment,
	"key_encipherment": x509.KeyUsageKeyEncipherment, "data_encipherment": x509.KeyUsageDataEncipherment,
	"key_agreement": x509.KeyUsageKeyAgreement, "cert_signing": x509.KeyUsageCertSign, "crl_signing": x509.KeyUsageCRLSign,
	"encipher_only": x509.KeyUsageEncipherOnly, "decipher_only": x509.KeyUsageDecipherOnly,
}

var extendedUses = map[string]x509.ExtKeyUsage{
	"any_extended": x509.ExtKeyUsageAny, "server_auth": x509.ExtKeyUsageServerAuth, "client_auth": x509.ExtKeyUsageClientAuth,
	"code_signing": x509.ExtKeyUsageCodeSigning, "email_protection": x509.ExtKeyUsageEmailProtection,
	"timestamping": x509.ExtKeyUsageTimeStamping, "ocsp_signing": x509.ExtKeyUsageOCSPSigning,
	"ipsec_end_system": x509.ExtKeyUsageIPSECEndSystem, "ipsec_tunnel": x509.ExtKeyUsageIPSECTunnel, "ipsec_user": x509.ExtKeyUsageIPSECUser,
}

func allow(template *x509.Certificate, uses []string) error {
	var unknown []error
	for _, use := range uses {
		if bit, ok := keyUses[use]; ok {
			template.KeyUsage |= bit
		} else if extended, ok := extendedUses[use]; ok {
			template.ExtKeyUsage = append(template.ExtKeyUsage, extended)
		} else {
			unknown = append(unknown, fmt.Errorf("allowedUses: the tls stand-in knows no use %q", use))
		}
	}
	return errors.Join(unknown...)
}
