// Package random stands in for the random provider: passwords, strings and ids that stay the same once made.
package random

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"

	"golang.org/x/crypto/bcrypt"

	"plinth.dev/lab/rig/internal/plugin/bridged"
	"plinth.dev/lab/rig/internal/plugin/host"
	"plinth.dev/lab/rig/internal/plugin/property"
)

// New is the plugin, ready to be served.
func New() *bridged.Server {
	return &bridged.Server{
		Base: host.NewBase(),
		Name: "random",
		Resources: map[string]*bridged.Resource{
			"random:index/randomPassword:RandomPassword": passwordResource(),
			"random:index/randomString:RandomString":     stringResource(),
			"random:index/randomId:RandomId":             idResource(),
		},
	}
}

// characters are the inputs that say what a text is made of.
func characters() bridged.Schema {
	s := bridged.Schema{
		"keepers":         {Kind: bridged.Map, Replaces: true},
		"length":          {Kind: bridged.Number, Required: true, Replaces: true, Min: bridged.AtLeast(1)},
		"overrideSpecial": {Replaces: true},
	}
	for _, key := range []string{"lower", "upper", "numeric", "number", "special"} {
		s[key] = &bridged.Property{Kind: bridged.Bool, Replaces: true, Default: true}
	}
	for _, key := range []string{"minLower", "minUpper", "minNumeric", "minSpecial"} {
		s[key] = &bridged.Property{Kind: bridged.Number, Replaces: true, Default: 0.0, Min: bridged.AtLeast(0)}
	}
	return s
}

func passwordResource() *bridged.Resource {
	properties := characters()
	properties["result"] = &bridged.Property{Output: true, Secret: true}
	properties["bcryptHash"] = &bridged.Property{Output: true, Secret: true}
	return &bridged.Resource{
		Version: "3", Properties: properties, Validate: validateLength, Plan: planNumeric,
		Create: func(_ context.Context, planned property.Map) (string, error) {
			text, err := generate(planned)
			if err != nil {
				return "", err
			}
			// The hash takes no more than 72 bytes; longer passwords are hashed by their beginning.
			hash, err := bcrypt.GenerateFromPassword([]byte(text[:min(len(text), 72)]), bcrypt.DefaultCost)
			if err != nil {
				return "", err
			}
			planned["result"], planned["bcryptHash"] = text, string(hash)
			return "none", nil
		},
	}
}

func stringResource() *bridged.Resource {
	properties := characters()
	properties["result"] = &bridged.Property{Output: true}
	return &bridged.Resource{
		Version: "2", Properties: properties, Validate: validateLength, Plan: planNumeric,
		Create: func(_ context.Context, planned property.Map) (string, error) {
			text, err := generate(planned)
			planned["result"] = text
			return text, err
		},
	}
}

// planNumeric keeps the old and the new name of one input alike.
func planNumeric(_, planned property.Map) error {
	if planned["number"] == false || planned["numeric"] == false {
		planned["number"], planned["numeric"] = false, false
	}
	return nil
}

func validateLength(name string, inputs property.Map) ([]bridged.Failure, error) {
	least := property.Number(inputs, "minUpper") + property.Number(inputs, "minLower") +
		property.Number(inputs, "minNumeric") + property.Number(inputs, "minSpecial")
	length := property.Number(inputs, "length")
	if length < 1 || length >= least || property.HasUnknown(inputs) {
		return nil, nil
	}
	return []bridged.Failure{{Reason: fmt.Sprintf("Invalid Attribute Value. Attribute length value must be at least sum of "+
		"min_upper + min_lower + min_numeric + min_special, got: %v. Examine values at '%s.length'.", length, name)}}, nil
}

const (
	lowers   = "abcdefghijklmnopqrstuvwxyz"
	uppers   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits   = "0123456789"
	specials = "!@#$%&*()-_=+[]{}<>:?"
)

func generate(planned property.Map) (string, error) {
	special := specials
	if own := property.String(planned, "overrideSpecial"); own != "" {
		special = own
	}
	var all string
	var text []byte
	for _, set := range []struct{ on, least, characters string }{
		{"lower", "minLower", lowers}, {"upper", "minUpper", uppers},
		{"numeric", "minNumeric", digits}, {"special", "minSpecial", special},
	} {
		if property.Bool(planned, set.on) {
			all += set.characters
		}
		for range int(property.Number(planned, set.least)) {
			text = append(text, pick(set.characters))
		}
	}
	if all == "" {
		return "", fmt.Errorf("no characters are left to choose from: switch on lower, upper, numeric or special")
	}
	for len(text) < int(property.Number(planned, "length")) {
		text = append(text, pick(all))
	}
	for i := len(text) - 1; i > 0; i-- {
		j := below(i + 1)
		text[i], text[j] = text[j], text[i]
	}
	return string(text), nil
}

func pick(from string) byte { return from[below(len(from))] }

func below(n int) int {
	drawn, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err) // the system has no randomness: nothing made here could be trusted
	}
	return int(drawn.Int64())
}

func idResource() *bridged.Resource {
	return &bridged.Resource{
		Properties: bridged.Schema{
			"byteLength": {Kind: bridged.Number, Required: true, Replaces: true, Min: bridged.AtLeast(1)},
			"keepers":    {Kind: bridged.Map, Replaces: true},
			"prefix":     {Replaces: true},
			"b64Std":     {Output: true}, "b64Url": {Output: true}, "dec": {Output: true}, "hex": {Output: true},
		},
		Create: func(_ context.Context, planned property.Map) (string, error) {
			raw := make([]byte, int(property.Number(planned, "byteLength")))
			_, _ = rand.Read(raw) // never fails since Go 1.24
			prefix, id := property.String(planned, "prefix"), base64.RawURLEncoding.EncodeToString(raw)
			planned["b64Std"] = prefix + base64.StdEncoding.EncodeToString(raw)
			planned["b64Url"] = prefix + id
			planned["dec"] = prefix + new(big.Int).SetBytes(raw).String()
			planned["hex"] = prefix + hex.EncodeToString(raw)
			return id, nil
		},
	}
}
