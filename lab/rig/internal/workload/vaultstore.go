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
	mu        sync.Mutex
	keys      []string
	threshold int
	// shown are the keys that a member has been given, by pod; enough of them unseal it.
	shown    map[string][]string
	policies map[string][]vaultRule
	// mounts and auths are the engines by their path.
	mounts, auths map[string]string
	roles         map[string]vaultRole
	tokens        map[string][]string
	secrets       map[string][]vaultVersion
}

// vaultRule is what a policy allows below a path.
type vaultRule struct {
	path         string
	capabilities []string
}

// vaultRole are the service accounts that a role lets in, and with what policies.
type vaultRole struct{ accounts, namespaces, policies []string }

type vaultVersion struct {
	data map[string]any
	made time.Time
}

func newVaultStore() *vaultStore {
	return &vaultStore{
		shown: map[string][]string{}, policies: map[string][]vaultRule{}, mounts: map[string]string{}, auths: map[string]string{},
		roles: map[string]vaultRole{}, tokens: map[string][]string{}, secrets: map[string][]vaultVersion{},
	}
}

// state of a member: the first unsealed one by name leads.
func (s *vaultStore) state(member string) (initialized, sealed, leads bool) {
	s.mu.Lock()
	defer s.mu.Unlock()

	unsealed := slices.DeleteFunc(slices.Sorted(maps.Keys(s.shown)), func(name string) bool { return len(s.shown[name]) < s.threshold })

	return len(s.keys) > 0, len(s.keys) == 0 || !slices.Contains(unsealed, member), len(unsealed) > 0 && unsealed[0] == member
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

	if len(s.keys) > 0 {
		return nil, "", errors.New("Vault is already initialized") //nolint:staticcheck // its own words
	}

	if threshold < 1 || shares < threshold {
		return nil, "", errors.New("invalid seal configuration")
	}

	for range shares {
		s.keys = append(s.keys, randomText())
	}

	root := "hvs." + randomText()
	s.threshold, s.tokens[root] = threshold, []string{"root"}

	return s.keys, root, nil
}

func (s *vaultStore) unseal(member, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	if !slices.Contains(s.keys, key) {
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
	found, known := s.roles[mount+"/"+role]

	switch {
	case s.auths[mount] != "kubernetes" || !known:
		return "", fmt.Errorf("invalid role name %q", role)
	case len(parts) != 4 || !slices.Contains(found.namespaces, parts[2]):
		return "", errors.New("namespace not authorized")
	case !slices.Contains(found.accounts, parts[3]):
		return "", errors.New("service account name not authorized")
	}

	token := "hvs." + randomText()
	s.tokens[token] = found.policies

	return token, nil
}

func (s *vaultStore) allows(token, path, capability string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	for _, policy := range s.tokens[token] {
		if policy == "root" {
			return true
		}

		for _, rule := range s.policies[policy] {
			prefix, all := strings.CutSuffix(rule.path, "*")
			if (path == rule.path || all && strings.HasPrefix(path, prefix)) && slices.Contains(rule.capabilities, capability) {
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

	if rest, is := strings.CutPrefix(path, "sys/"); is && capability == "create" {
		return nil, s.configure(rest, body)
	}

	if rest, is := strings.CutPrefix(path, "auth/"); is && capability == "create" {
		return nil, s.admit(rest, body)
	}

	if path == "sys/storage/raft/snapshot" && capability == "read" {
		return map[string]any{}, nil
	}

	for mount, kind := range s.mounts {
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

		s.policies[strings.TrimPrefix(name, "acl/")] = rules

		return nil
	case "auth":
		s.auths[name], _ = body["type"].(string)

		return nil
	case "mounts":
		options, _ := body["options"].(map[string]any)
		if body["type"] != "kv" || fmt.Sprint(options["version"]) != "2" {
			return fmt.Errorf("the lab's Vault has no engine but kv of version 2, not %v", body["type"])
		}

		s.mounts[name] = "kv"

		return nil
	default:
		return fmt.Errorf("the lab's Vault does not know sys/%s", path)
	}
}

func (s *vaultStore) admit(path string, body map[string]any) error {
	mount, rest, _ := strings.Cut(path, "/")

	switch kind, name, _ := strings.Cut(rest, "/"); {
	case kind == "config" && s.auths[mount] == "kubernetes":
		return nil
	case kind == "role" && s.auths[mount] == "kubernetes":
		s.roles[mount+"/"+name] = vaultRole{
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

// secret reads and writes versions below data/, and their numbers below metadata/.
func (s *vaultStore) secret(capability, mount, path string, body map[string]any) (any, error) {
	part, name, _ := strings.Cut(path, "/")
	key := mount + "/" + name
	versions := s.secrets[key]

	switch {
	case part == "data" && capability == "create":
		data, _ := body["data"].(map[string]any)
		s.secrets[key] = append(versions, vaultVersion{data, time.Now().UTC()})

		return metadataOf(s.secrets[key]), nil
	case part == "metadata" && capability == "create":
		return nil, nil
	case part == "metadata" && capability == "delete":
		delete(s.secrets, key)

		return nil, nil
	case len(versions) == 0:
		return nil, errNothingThere
	case part == "data" && capability == "read":
		return map[string]any{"data": versions[len(versions)-1].data, "metadata": metadataOf(versions)}, nil
	case part == "metadata" && capability == "read":
		return map[string]any{"current_version": len(versions), "custom_metadata": map[string]any{"managed-by": "external-secrets"}}, nil
	default:
		return nil, fmt.Errorf("the lab's Vault cannot %s %s", capability, path)
	}
}

func metadataOf(versions []vaultVersion) map[string]any {
	newest := versions[len(versions)-1]

	return map[string]any{"version": len(versions), "created_time": newest.made.Format(time.RFC3339Nano), "destroyed": false}
}
