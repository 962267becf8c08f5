package pki

import (
	"crypto"
	stdx509 "crypto/x509"
	"encoding/pem"
	"errors"
)

// PublicKey derives the public half of a private key, both PEM encoded.
func PublicKey(private []byte) ([]byte, error) {
	block, _ := pem.Decode(private)
	if block == nil {
		return nil, errors.New("not PEM encoded")
	}

	key, err := parsePrivate(block.Bytes)
	if err != nil {
		return nil, err
	}

	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("not a signing key")
	}

	public, err := stdx509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return nil, err
	}

	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), nil
}

// parsePrivate takes any of the encodings the generators of machine secrets have used.
func parsePrivate(der []byte) (any, error) {
	if key, err := stdx509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}

	if key, err := stdx509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}

	return stdx509.ParsePKCS8PrivateKey(der)
}
