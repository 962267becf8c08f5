package tls

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // only names a key
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"

	"plinth.dev/lab/rig/internal/plugin/bridged"
	"plinth.dev/lab/rig/internal/plugin/property"
)

var curves = map[string]elliptic.Curve{
	"P224": elliptic.P224(), "P256": elliptic.P256(), "P384": elliptic.P384(), "P521": elliptic.P521(),
}

func privateKeyResource() *bridged.Resource {
	s := bridged.Schema{
		"algorithm":  {Required: true, Replaces: true, OneOf: []string{"RSA", "ECDSA", "ED25519"}},
		"ecdsaCurve": {Replaces: true, Default: "P224", OneOf: []string{"P224", "P256", "P384", "P521"}},
		"rsaBits":    {Kind: bridged.Number, Replaces: true, Default: 2048.0, Min: bridged.AtLeast(1024)},
	}
	for _, key := range []string{"privateKeyPem", "privateKeyOpenssh", "privateKeyPemPkcs8"} {
		s[key] = &bridged.Property{Output: true, Secret: true}
	}
	for _, key := range []string{"publicKeyPem", "publicKeyOpenssh", "publicKeyFingerprintMd5", "publicKeyFingerprintSha256"} {
		s[key] = &bridged.Property{Output: true}
	}
	return &bridged.Resource{
		Version: "1", Properties: s, RenewsOnReplace: true,
		Create: func(_ context.Context, planned property.Map) (string, error) {
			key, err := generateKey(planned)
			if err != nil {
				return "", err
			}
			if err := describePrivate(planned, key); err != nil {
				return "", err
			}
			return describePublic(planned, key.Public())
		},
	}
}

func generateKey(planned property.Map) (crypto.Signer, error) {
	switch property.String(planned, "algorithm") {
	case "RSA":
		return rsa.GenerateKey(rand.Reader, int(property.Number(planned, "rsaBits")))
	case "ECDSA":
		return ecdsa.GenerateKey(curves[property.String(planned, "ecdsaCurve")], rand.Reader)
	default:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
}

func describePrivate(planned property.Map, key crypto.Signer) error {
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	planned["privateKeyPemPkcs8"] = encodePEM("PRIVATE KEY", pkcs8)
	planned["privateKeyPem"] = planned["privateKeyPemPkcs8"]
	switch k := key.(type) {
	case *rsa.PrivateKey:
		planned["privateKeyPem"] = encodePEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k))
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(k)
		if err != nil {
			return err
		}
		planned["privateKeyPem"] = encodePEM("EC PRIVATE KEY", der)
	}
	planned["privateKeyOpenssh"] = ""
	if block, err := ssh.MarshalPrivateKey(key, ""); err == nil { // SSH has no P-224
		planned["privateKeyOpenssh"] = string(pem.EncodeToMemory(block))
	}
	return nil
}

// describePublic fills in the public half and returns the id, which is derived from it.
func describePublic(out property.Map, public crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", err
	}
	out["publicKeyPem"] = encodePEM("PUBLIC KEY", der)
	out["publicKeyOpenssh"], out["publicKeyFingerprintMd5"], out["publicKeyFingerprintSha256"] = "", "", ""
	if key, err := ssh.NewPublicKey(public); err == nil {
		out["publicKeyOpenssh"] = string(ssh.MarshalAuthorizedKey(key))
		out["publicKeyFingerprintMd5"] = ssh.FingerprintLegacyMD5(key)
		out["publicKeyFingerprintSha256"] = ssh.FingerprintSHA256(key)
	}
	return digest(der), nil
}

func digest(der []byte) string {
	sum := sha1.Sum(der) //nolint:gosec // only a name
	return hex.EncodeToString(sum[:])
}

func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func parseKey(text string) (crypto.Signer, string, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil {
		return nil, "", fmt.Errorf("failed to decode PEM block: decoded bytes 0, undecoded %d", len(rest))
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, "", fmt.Errorf("unsupported PEM type %q", block.Type)
	}
	if err != nil {
		return nil, "", err
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return k, "RSA", nil
	case *ecdsa.PrivateKey:
		return k, "ECDSA", nil
	case ed25519.PrivateKey:
		return k, "ED25519", nil
	default:
		return nil, "", errors.New("the key's algorithm is neither RSA, ECDSA nor ED25519")
	}
}

func keyOf(inputs property.Map, name string) (crypto.Signer, string, error) {
	key, algorithm, err := parseKey(property.String(inputs, name))
	if err != nil {
		return nil, "", fmt.Errorf("Failed to parse private key PEM: %w", err) //nolint:staticcheck // the official words
	}
	return key, algorithm, nil
}

func publicKeyFunction() *bridged.Function {
	return &bridged.Function{
		Arguments: bridged.Schema{"privateKeyPem": {Secret: true}, "privateKeyOpenssh": {Refused: true}},
		Run: func(_ context.Context, arguments property.Map) ([]bridged.Failure, error) {
			key, algorithm, err := keyOf(arguments, "privateKeyPem")
			if err != nil {
				return nil, err
			}
			arguments["algorithm"] = algorithm
			arguments["id"], err = describePublic(arguments, key.Public())
			return nil, err
		},
	}
}
