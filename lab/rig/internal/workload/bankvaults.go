package workload

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

const (
	vaultShares  = 5
	vaultRootKey = "vault-root"
)

// bankVaults is both of its commands: `unseal --init` beside each Vault makes its keys, keeps them in a Secret and
// unseals it again whenever it starts; `configure` brings policies, ways in and engines to what its file says.
func bankVaults(ctx context.Context, pod *Pod) error {
	words := pod.Words()
	b := &vaultKeeper{pod: pod, namespace: nextFlag(words, "--k8s-secret-namespace"), name: nextFlag(words, "--k8s-secret-name")}

	if b.name == "" {
		return errors.New("only keys in a Secret can be kept here: use --mode k8s")
	}

	switch {
	case len(words) > 2 && words[1] == "unseal":
		b.vault = &vaultClient{pod: pod, address: "https://" + join(pod.Status.PodIP, vaultPort)}

		pod.Ready()

		return pod.Follow(ctx, b.open)
	case len(words) > 2 && words[1] == "configure":
		address, _ := pod.Env("VAULT_ADDR")
		b.vault = &vaultClient{pod: pod, address: address}

		pod.Ready()

		return pod.Follow(ctx, b.configure)
	default:
		return fmt.Errorf("unknown command %q", strings.Join(words, " "))
	}
}

func nextFlag(words []string, flag string) string {
	for _, word := range words {
		if value, found := strings.CutPrefix(word, flag+"="); found {
			return value
		}
	}

	return nextWord(words, flag)
}

type vaultKeeper struct {
	pod             *Pod
	namespace, name string
	vault           *vaultClient
}

// open initializes and unseals the Vault of the same pod.
func (b *vaultKeeper) open(ctx context.Context) error {
	var health struct{ Initialized, Sealed bool }
	if _, err := b.vault.call(ctx, http.MethodGet, "sys/health", nil, &health); err != nil {
		return err
	}

	secrets := b.pod.Client.CoreV1().Secrets(b.namespace)

	if !health.Initialized {
		return b.initialize(ctx)
	}

	if !health.Sealed {
		return nil
	}

	secret, err := secrets.Get(ctx, b.name, metav1.GetOptions{})
	if err != nil {
		return err
	}

	for n := range vaultKeys {
		body := map[string]string{"key": string(secret.Data[fmt.Sprintf("vault-unseal-%d", n)])}
		if err = b.vault.must(ctx, http.MethodPut, "sys/unseal", body, nil); err != nil {
			return err
		}
	}

	return nil
}

func (b *vaultKeeper) initialize(ctx context.Context) error {
	secrets := b.pod.Client.CoreV1().Secrets(b.namespace)

	if !strings.HasSuffix(b.pod.Name, "-0") {
		return errors.New("waiting for the first member to initialize Vault")
	}

	// Keys of a Vault that there was before: a new one would have others.
	if _, err := secrets.Get(ctx, b.name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		return errors.Join(err, fmt.Errorf("Secret %s/%s holds keys of another Vault", b.namespace, b.name)) //nolint:staticcheck // a kind
	}

	var made struct {
		Keys []string `json:"keys"`
		Root string   `json:"root_token"`
	}

	err := b.vault.must(ctx, http.MethodPut, "sys/init", map[string]int{"secret_shares": vaultShares, "secret_threshold": vaultKeys}, &made)
	if err != nil {
		return err
	}

	data := map[string][]byte{vaultRootKey: []byte(made.Root)}
	for n, key := range made.Keys {
		data[fmt.Sprintf("vault-unseal-%d", n)] = []byte(key)
	}

	_, err = secrets.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: b.name}, Data: data}, metav1.CreateOptions{})

	return err
}

// externalConfig is the part of the file that is carried out; any other is an error.
type externalConfig struct {
	Policies []struct{ Name, Rules string } `json:"policies"`
	Auth     []struct {
		Type  string           `json:"type"`
		Path  string           `json:"path"`
		Roles []map[string]any `json:"roles"`
	} `json:"auth"`
	Secrets []struct {
		Path    string         `json:"path"`
		Type    string         `json:"type"`
		Options map[string]any `json:"options"`
	} `json:"secrets"`
}

// configure writes everything again at each look, as it may be written often.
func (b *vaultKeeper) configure(ctx context.Context) error {
	text, found, err := b.pod.File(ctx, nextFlag(b.pod.Words(), "--vault-config-file"))
	if err != nil || !found {
		return errors.Join(err, errors.New("its file is not there"))
	}

	var config externalConfig
	if err = yaml.UnmarshalStrict(text, &config); err != nil {
		return err
	}

	secret, err := b.pod.Client.CoreV1().Secrets(b.namespace).Get(ctx, b.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return errors.New("Vault is not initialized yet") //nolint:staticcheck // a name
	}

	if err != nil {
		return err
	}

	b.vault.token = string(secret.Data[vaultRootKey])
	put := func(path string, body any) {
		if err == nil {
			err = b.vault.must(ctx, http.MethodPut, path, body, nil)
		}
	}

	for _, policy := range config.Policies {
		put("sys/policies/acl/"+policy.Name, map[string]string{"policy": policy.Rules})
	}

	for _, auth := range config.Auth {
		path := auth.Path
		if path == "" {
			path = auth.Type
		}

		put("sys/auth/"+path, map[string]string{"type": auth.Type})
		put("auth/"+path+"/config", map[string]string{})

		for _, role := range auth.Roles {
			put(fmt.Sprintf("auth/%s/role/%v", path, role["name"]), role)
		}
	}

	for _, engine := range config.Secrets {
		put("sys/mounts/"+engine.Path, map[string]any{"type": engine.Type, "options": engine.Options})
	}

	return err
}

// vaultClient speaks with a Vault; without an authority it takes any certificate, as who speaks within a pod does.
type vaultClient struct {
	pod            *Pod
	address, token string
	authority      []byte
}

// login gets a token for that of a service account.
func (c *vaultClient) login(ctx context.Context, mount, role, jwt string) error {
	var answer struct {
		Auth struct {
			Token string `json:"client_token"`
		} `json:"auth"`
	}

	err := c.must(ctx, http.MethodPost, "auth/"+mount+"/login", map[string]string{"role": role, "jwt": jwt}, &answer)
	c.token = answer.Auth.Token

	return err
}

// must is a call that has to succeed.
func (c *vaultClient) must(ctx context.Context, method, path string, body, into any) error {
	status, err := c.call(ctx, method, path, body, into)
	if err == nil && !slices.Contains([]int{http.StatusOK, http.StatusNoContent}, status) {
		err = fmt.Errorf("%s %s: %d %s", method, path, status, http.StatusText(status))
	}

	return err
}

func (c *vaultClient) call(ctx context.Context, method, path string, body, into any) (int, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}

	request, err := http.NewRequestWithContext(ctx, method, c.address+"/v1/"+path, bytes.NewReader(text))
	if err != nil {
		return 0, err
	}

	request.Header.Set("X-Vault-Token", c.token)

	settings := &tls.Config{InsecureSkipVerify: c.authority == nil, MinVersion: tls.VersionTLS12} //nolint:gosec // within a pod
	if c.authority != nil {
		settings.RootCAs = x509.NewCertPool()
		settings.RootCAs.AppendCertsFromPEM(c.authority)
	}

	client := &http.Client{Timeout: requestTimeout, Transport: &http.Transport{
		DialContext:     func(ctx context.Context, _, address string) (net.Conn, error) { return c.pod.Dial(ctx, address) },
		TLSClientConfig: settings, DisableKeepAlives: true,
	}}

	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}

	defer answer.Body.Close() //nolint:errcheck // read to its end

	text, err = io.ReadAll(answer.Body)
	if err != nil || into == nil || len(text) == 0 {
		return answer.StatusCode, err
	}

	return answer.StatusCode, json.Unmarshal(text, into)
}
