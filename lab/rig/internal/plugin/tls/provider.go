// Package tls stands in for the TLS provider: private keys, signing requests and certificates, made
// with Go's own cryptography.
package tls

import (
	"plinth.dev/lab/rig/internal/plugin/bridged"
	"plinth.dev/lab/rig/internal/plugin/host"
)

// New is the plugin, ready to be served.
func New() *bridged.Server {
	return &bridged.Server{
		Base: host.NewBase(),
		Name: "tls",
		Resources: map[string]*bridged.Resource{
			"tls:index/privateKey:PrivateKey":               privateKeyResource(),
			"tls:index/certRequest:CertRequest":             certRequestResource(),
			"tls:index/selfSignedCert:SelfSignedCert":       selfSignedResource(),
			"tls:index/locallySignedCert:LocallySignedCert": locallySignedResource(),
		},
		Functions: map[string]*bridged.Function{
			"tls:index/getPublicKey:getPublicKey": publicKeyFunction(),
		},
	}
}

func subject() *bridged.Property {
	return &bridged.Property{Kind: bridged.Single, Replaces: true, Fields: bridged.Schema{
		"commonName": {}, "country": {}, "emailAddress": {}, "locality": {}, "organization": {}, "organizationalUnit": {},
		"postalCode": {}, "province": {}, "serialNumber": {},
		"streetAddresses": {Kind: bridged.List, Upstream: "street_address"},
	}}
}

func names(s bridged.Schema) bridged.Schema {
	s["subject"] = subject()
	for _, key := range []string{"dnsNames", "ipAddresses", "uris"} {
		s[key] = &bridged.Property{Kind: bridged.List, Replaces: true}
	}
	return s
}

// validity is what both kinds of certificates have in common.
func validity(s bridged.Schema) bridged.Schema {
	atLeastZero := bridged.AtLeast(0)
	s["allowedUses"] = &bridged.Property{Kind: bridged.List, Required: true, Replaces: true}
	s["validityPeriodHours"] = &bridged.Property{Kind: bridged.Number, Required: true, Replaces: true, Min: atLeastZero}
	s["earlyRenewalHours"] = &bridged.Property{Kind: bridged.Number, Default: 0.0, Min: atLeastZero}
	s["isCaCertificate"] = &bridged.Property{Kind: bridged.Bool, Default: false, Replaces: true}
	s["setSubjectKeyId"] = &bridged.Property{Kind: bridged.Bool, Default: false, Replaces: true}
	s["maxPathLength"] = &bridged.Property{Kind: bridged.Number, Computed: true, Replaces: true, Min: atLeastZero}
	s["certPem"] = &bridged.Property{Output: true}
	s["readyForRenewal"] = &bridged.Property{Kind: bridged.Bool, Output: true, Replaces: true, Default: false}
	s["validityStartTime"] = &bridged.Property{Output: true}
	s["validityEndTime"] = &bridged.Property{Output: true}
	return s
}
