package workload

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

var errNothingThere = errors.New("nothing is there")

// vaultStore is what all members of a Vault know.
type vaultStore struct {
	mu sync.Mutex
	// file holds the data, and saved is what was written there last.
	file  string
	saved []byte
	// shown are the keys that a member has been given, by pod; enough of them unseal it.
	shown map[string][]string
	// tokens are the policies of those who were let in.
	tokens map[string][]string

	vaultData
}

// state of a member: the first unsealed one by name leads.
func (s *vaultStore) state(member string) (initialized, sealed, leads bool) {
	s.mu.Lock()
	defer s.mu.Unlock()

	unsealed := slices.DeleteFunc(slices.Sorted(maps.Keys(s.shown)), func(name string) bool { return len(s.shown[name]) < s.Threshold })

	return len(s.Keys) > 0, len(s.Keys) == 0 || !slices.Contains(unsealed, member), len(unsealed) > 0 && unsealed[0] == member
}

// leave seals a member: its process has ended.
func (s *vaultStore) leave(member string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	delete(s.shown, member)
}

func (s *vaultStore) initialize(shares, threshold int) ([]string, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if len(s.Keys) > 0 {
		return nil, "", errors.New("Vault is already initialized") //nolint:staticcheck // its own words
	}

	if threshold < 1 || shares < threshold {
		return nil, "", errors.New("invalid seal configuration")
	}

	for range shares {
		s.Keys = append(s.Keys, randomText())
	}

	s.Threshold, s.Root = threshold, "hvs."+randomText()

	return s.Keys, s.Root, s.save()
}

func (s *vaultStore) unseal(member, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	if !slices.Contains(s.Keys, key) {
		return errors.New("invalid key")
	}

	if !slices.Contains(s.shown[member], key) {
		s.shown[member] = append(s.shown[member], key)
	}

	return nil
}

// enter gives a token to a service account, as system:serviceaccount:namespace:name, that a role lets in.
func (s *vaultStore) enter(mount, role, user string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	parts := strings.Split(user, ":")
	found, known := s.Roles[mount+"/"+role]

	switch {
	case s.Auths[mount] != "kubernetes" || !known:
		return "", fmt.Errorf("invalid role name %q", role)
	case len(parts) != 4 || !slices.Contains(found.Namespaces, parts[2]):
		return "", errors.New("namespace not authorized")
	case !slices.Contains(found.Accounts, parts[3]):
		return "", errors.New("service account name not authorized")
	}

	token := "hvs." + randomText()
	s.tokens[token] = found.Policies

	return token, nil
}

func (s *vaultStore) allows(token, path, capability string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	if token != "" && token == s.Root {
		return true
	}

	for _, policy := range s.tokens[token] {
		for _, rule := range s.Policies[policy] {
			prefix, all := strings.CutSuffix(rule.Path, "*")
			if (path == rule.Path || all && strings.HasPrefix(path, prefix)) && slices.Contains(rule.Capabilities, capability) {
				return true
			}
		}
	}

	return false
}

// handle carries a request out that is allowed. An answer of nil has no content.
func (s *vaultStore) handle(capability, path string, body map[string]any) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	answer, err := s.carryOut(capability, path, body)
	if err == nil && capability != "read" {
		err = s.save()
	}

	return answer, err
}

func (s *vaultStore) carryOut(capability, path string, body map[string]any) (any, error) {
	if rest, is := strings.CutPrefix(path, "sys/"); is && capability == "create" {
		return nil, s.configure(rest, body)
	}

	if rest, is := strings.CutPrefix(path, "auth/"); is && capability == "create" {
		return nil, s.admit(rest, body)
	}

	if path == "sys/storage/raft/snapshot" && capability == "read" {
		return map[string]any{}, nil
	}

	for mount, kind := range s.Mounts {
		if rest, is := strings.CutPrefix(path, mount+"/"); is && kind == "kv" {
			return s.secret(capability, mount, rest, body)
		}
	}

	return nil, fmt.Errorf("the lab's Vault does not know %s", path)
}

var policyRule = regexp.MustCompile(`(?s)path\s+"([^"]+)"\s*\{\s*capabilities\s*=\s*\[([^\]]*)\]\s*\}`)

func (s *vaultStore) configure(path string, body map[string]any) error {
	switch kind, name, _ := strings.Cut(path, "/"); kind {
	case "policies":
		text, _ := body["policy"].(string)

		var rules []vaultRule
		for _, match := range policyRule.FindAllStringSubmatch(text, -1) {
			rules = append(rules, vaultRule{match[1], strings.FieldsFunc(match[2], func(r rune) bool { return strings.ContainsRune(`", `, r) })})
		}

		if strings.TrimSpace(policyRule.ReplaceAllString(text, "")) != "" {
			return fmt.Errorf("the lab's Vault does not understand the policy %s", name)
		}

		s.Policies[strings.TrimPrefix(name, "acl/")] = rules

		return nil
	case "auth":
		s.Auths[name], _ = body["type"].(string)

		return nil
	case "mounts":
		options, _ := body["options"].(map[string]any)
		if body["type"] != "kv" || fmt.Sprint(options["version"]) != "2" {
			return fmt.Errorf("the lab's Vault has no engine but kv of version 2, not %v", body["type"])
		}

		s.Mounts[name] = "kv"

		return nil
	default:
		return fmt.Errorf("the lab's Vault does not know sys/%s", path)
	}
}

func (s *vaultStore) admit(path string, body map[string]any) error {
	mount, rest, _ := strings.Cut(path, "/")

	switch kind, name, _ := strings.Cut(rest, "/"); {
	case kind == "config" && s.Auths[mount] == "kubernetes":
		return nil
	case kind == "role" && s.Auths[mount] == "kubernetes":
		s.Roles[mount+"/"+name] = vaultRole{
			texts(body["bound_service_account_names"]), texts(body["bound_service_account_namespaces"]), texts(body["policies"]),
		}

		return nil
	default:
		return fmt.Errorf("the lab's Vault does not know auth/%s", path)
	}
}

func texts(value any) []string {
	list, _ := value.([]any)

	found := make([]string, 0, len(list))
	for _, entry := range list {
		found = append(found, fmt.Sprint(entry))
	}

	return found
}

// secret reads and writes versions below data/, and what is known of them below metadata/.
func (s *vaultStore) secret(capability, mount, path string, body map[string]any) (any, error) {
	part, name, _ := strings.Cut(path, "/")
	key := mount + "/" + name
	found := s.Secrets[key]

	if found == nil && capability == "create" {
		found = &vaultSecret{}
		s.Secrets[key] = found
	}

	switch {
	case found == nil:
		return nil, errNothingThere
	case part == "data" && capability == "create":
		data, _ := body["data"].(map[string]any)
		found.Versions = append(found.Versions, vaultVersion{data, time.Now().UTC()})

		return found.newest(), nil
	case part == "metadata" && capability == "create":
		found.Noted = body["custom_metadata"]

		return nil, nil
	case part == "metadata" && capability == "delete":
		delete(s.Secrets, key)

		return nil, nil
	case part == "metadata" && capability == "read":
		return map[string]any{"current_version": len(found.Versions), "custom_metadata": found.Noted}, nil
	case len(found.Versions) == 0:
		return nil, errNothingThere
	case part == "data" && capability == "read":
		return map[string]any{"data": found.Versions[len(found.Versions)-1].Data, "metadata": found.newest()}, nil
	default:
		return nil, fmt.Errorf("the lab's Vault cannot %s %s", capability, path)
	}
}

func (s *vaultSecret) newest() map[string]any {
	made := s.Versions[len(s.Versions)-1].Made

	return map[string]any{
		"version": len(s.Versions), "created_time": made.Format(time.RFC3339Nano), "custom_metadata": s.Noted, "destroyed": false,
	}
}
