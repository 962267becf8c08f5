package workload

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// vaultData is what a Vault has on its volume. It is not encrypted.
type vaultData struct {
	Keys      []string
	Threshold int
	Root      string
	Policies  map[string][]vaultRule
	// Mounts and Auths are the engines by their path.
	Mounts, Auths map[string]string
	Roles         map[string]vaultRole
	Secrets       map[string]*vaultSecret
}

// vaultRule is what a policy allows below a path.
type vaultRule struct {
	Path         string
	Capabilities []string
}

// vaultRole are the service accounts that a role lets in, and with what policies.
type vaultRole struct{ Accounts, Namespaces, Policies []string }

// vaultSecret is a key-value secret: what its versions hold, when they were made, and what somebody has noted of it.
type vaultSecret struct {
	Versions []vaultVersion
	Noted    any
}

type vaultVersion struct {
	Data map[string]any
	Made time.Time
}

// openVaultStore reads what is in a file, or begins with nothing.
func openVaultStore(file string) (*vaultStore, error) {
	s := &vaultStore{file: file, shown: map[string][]string{}, tokens: map[string][]string{}}
	s.vaultData = vaultData{
		Policies: map[string][]vaultRule{}, Mounts: map[string]string{}, Auths: map[string]string{},
		Roles: map[string]vaultRole{}, Secrets: map[string]*vaultSecret{},
	}

	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}

	if err != nil {
		return nil, err
	}

	return s, json.Unmarshal(text, &s.vaultData)
}

// save writes what has changed, whole or not at all.
func (s *vaultStore) save() error {
	text, err := json.Marshal(&s.vaultData)
	if err != nil || bytes.Equal(text, s.saved) {
		return err
	}

	next := s.file + ".next"
	if err = os.MkdirAll(filepath.Dir(s.file), 0o700); err == nil {
		err = os.WriteFile(next, text, 0o600)
	}

	if err == nil {
		err = os.Rename(next, s.file)
	}

	if err == nil {
		s.saved = text
	}

	return err
}
