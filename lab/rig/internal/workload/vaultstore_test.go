package workload

import (
	"errors"
	"path/filepath"
	"testing"
)

func openEmpty(t *testing.T) *vaultStore {
	t.Helper()

	store, err := openVaultStore(filepath.Join(t.TempDir(), "volumes", "one.json"))
	if err != nil {
		t.Fatal(err)
	}

	return store
}

func TestAVaultOpensForEnoughKeysAndClosesWithItsMember(t *testing.T) {
	store := openEmpty(t)

	keys, _, err := store.initialize(vaultShares, vaultKeys)
	if err != nil {
		t.Fatal(err)
	}

	if err = store.unseal("vault-0", "guess"); err == nil {
		t.Error("any key is taken")
	}

	for _, key := range []string{keys[0], keys[0], keys[1]} {
		_ = store.unseal("vault-0", key)
	}

	if _, sealed, _ := store.state("vault-0"); !sealed {
		t.Error("two keys of three open it")
	}

	for _, member := range []string{"vault-0", "vault-1"} {
		for _, key := range keys[:vaultKeys] {
			_ = store.unseal(member, key)
		}
	}

	if _, sealed, leads := store.state("vault-0"); sealed || !leads {
		t.Error("the first one does not lead")
	}

	store.leave("vault-0")

	if _, sealed, _ := store.state("vault-0"); !sealed {
		t.Error("a member that has ended is open when it starts")
	}

	if _, _, leads := store.state("vault-1"); !leads {
		t.Error("nobody takes over")
	}

	if _, _, err = store.initialize(1, 1); err == nil {
		t.Error("its keys can be made anew")
	}
}

func TestAVaultLetsInWhomItsRolesNameAndNoFurtherThanTheirPolicies(t *testing.T) {
	store := openEmpty(t)

	for path, body := range map[string]map[string]any{
		"sys/policies/acl/reader": {"policy": `path "secret/*" { capabilities = ["read"] }`},
		"sys/mounts/secret":       {"type": "kv", "options": map[string]any{"version": 2}},
		"sys/auth/kubernetes":     {"type": "kubernetes"},
	} {
		if _, err := store.handle("create", path, body); err != nil {
			t.Fatal(err)
		}
	}

	role := map[string]any{
		"bound_service_account_names": []any{"reader"}, "bound_service_account_namespaces": []any{"shop"}, "policies": []any{"reader"},
	}
	if _, err := store.handle("create", "auth/kubernetes/role/reader", role); err != nil {
		t.Fatal(err)
	}

	for _, stranger := range []string{"system:serviceaccount:shop:other", "system:serviceaccount:other:reader", "admin"} {
		if _, err := store.enter("kubernetes", "reader", stranger); err == nil {
			t.Errorf("%s is let in", stranger)
		}
	}

	token, err := store.enter("kubernetes", "reader", "system:serviceaccount:shop:reader")
	if err != nil {
		t.Fatal(err)
	}

	if !store.allows(token, "secret/data/a", "read") || store.allows(token, "secret/data/a", "create") || store.allows(token, "sys/mounts/x", "read") {
		t.Error("its policy is not what counts")
	}

	if _, err = store.handle("read", "secret/data/a", nil); !errors.Is(err, errNothingThere) {
		t.Errorf("got %v", err)
	}

	if _, err = store.handle("create", "secret/data/a", map[string]any{"data": map[string]any{"word": "plugh"}}); err != nil {
		t.Fatal(err)
	}

	answer, err := store.handle("read", "secret/data/a", nil)
	if data, _ := answer.(map[string]any)["data"].(map[string]any); err != nil || data["word"] != "plugh" {
		t.Errorf("got %v, %v", answer, err)
	}

	if _, err = store.handle("create", "sys/policies/acl/odd", map[string]any{"policy": "path secret {"}); err == nil {
		t.Error("a policy that is not understood is taken")
	}
}

func TestAVaultIsSealedAfterAPowerCutAndHasEverythingForItsKeys(t *testing.T) {
	store := openEmpty(t)

	keys, root, err := store.initialize(vaultShares, vaultKeys)
	if err != nil {
		t.Fatal(err)
	}

	for path, body := range map[string]map[string]any{
		"sys/mounts/secret": {"type": "kv", "options": map[string]any{"version": 2}},
		"sys/auth/k":        {"type": "kubernetes"},
	} {
		if _, err = store.handle("create", path, body); err != nil {
			t.Fatal(err)
		}
	}

	for path, body := range map[string]map[string]any{
		"secret/metadata/a": {"custom_metadata": map[string]any{"managed-by": "somebody"}}, "secret/data/a": {"data": map[string]any{"word": "plugh"}},
	} {
		if _, err = store.handle("create", path, body); err != nil {
			t.Fatal(err)
		}
	}

	again, err := openVaultStore(store.file)
	if err != nil {
		t.Fatal(err)
	}

	if initialized, sealed, _ := again.state("vault-0"); !initialized || !sealed {
		t.Error("it is not sealed")
	}

	for _, key := range keys[:vaultKeys] {
		if err = again.unseal("vault-0", key); err != nil {
			t.Error(err)
		}
	}

	if !again.allows(root, "secret/data/a", "read") || again.allows("", "secret/data/a", "read") {
		t.Error("the root token is not what counts")
	}

	answer, err := again.handle("read", "secret/metadata/a", nil)
	if fields, _ := answer.(map[string]any); err != nil || fields["current_version"] != 1 || fields["custom_metadata"].(map[string]any)["managed-by"] != "somebody" {
		t.Errorf("got %v, %v", answer, err)
	}
}
