package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/siderolabs/crypto/x509"
)

// files is a folder of inputs for one program.
type files map[string][]byte

func (f files) add(name string, pair *x509.KeyPair) {
	f[name+".crt"], f[name+".key"] = pair.CrtPEM, pair.KeyPEM
}

// write makes dir hold exactly these files.
func (f files) write(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}

	for name, content := range f {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}

	return nil
}

// fingerprint identifies what a set of generated files was made from. Certificates differ at each
// issue, so programs are restarted by what they were asked to hold, not by their bytes.
func fingerprint(parts ...any) string {
	sum := sha256.New()

	for _, part := range parts {
		fmt.Fprintf(sum, "%v\x00", part)
	}

	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// flags renders arguments in a stable order. Values of several entries repeat the flag.
func flags(args map[string][]string) []string {
	var list []string

	for name, values := range args {
		for _, value := range values {
			list = append(list, "--"+name+"="+value)
		}
	}

	slices.Sort(list)

	return list
}

// merge applies a configuration's extra arguments: they replace, except the additive ones, and
// except those that a machine never lets go of.
func merge(args, extra map[string][]string, additive, denied []string) error {
	var problems []error

	for name, values := range extra {
		switch {
		case slices.Contains(denied, name):
			problems = append(problems, fmt.Errorf("extra arg %q is not allowed to be overridden", name))
		case slices.Contains(additive, name) && len(args[name]) > 0:
			args[name] = []string{strings.Join(append(slices.Clone(args[name]), values...), ",")}
		default:
			args[name] = values
		}
	}

	return errors.Join(problems...)
}
