package workload

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	vaultPort = 8200
	vaultKeys = 3
	// vaultLook is how often a member looks whether it leads.
	vaultLook = 500 * time.Millisecond
)

// vaultServer is one member of a Vault: the API as far as it sets Vault up, unseals it, lets service accounts in and
// keeps key-value secrets of version 2. All members have what is on the volume of the first one in common, where a
// real one would copy it; the first unsealed one leads. It is not encrypted, and has no leases, no audit and no other
// engine.
func vaultServer(ctx context.Context, pod *Pod) error {
	if script := strings.Join(pod.Container.Command, " "); script != "" {
		return vaultSnapshot(ctx, pod, script)
	}

	store, err := vaultStoreOf(ctx, pod)
	if err != nil {
		return err
	}

	var pair certificates
	for path, into := range map[string]*[]byte{"/vault/tls/server.crt": &pair.certificate, "/vault/tls/server.key": &pair.key} {
		var found bool
		if *into, found, err = pod.File(ctx, path); err != nil || !found {
			return errors.Join(err, fmt.Errorf("open %s: no such file", path))
		}
	}

	v := &vaultMember{pod: pod, store: store}

	defer store.leave(pod.Name)

	// It serves at once, and is ready when it is unsealed.
	early := *pod
	early.ready = func() {}

	return together(ctx, v.follow, func(ctx context.Context) error { return early.serveTLS(ctx, vaultPort, pair, v.handler()) })
}

// follow says on the pod whether it leads: the Service sends everybody there.
func (v *vaultMember) follow(ctx context.Context) error {
	ready, said := false, ""

	for ctx.Err() == nil {
		_, sealed, leads := v.store.state(v.pod.Name)
		if !sealed && !ready {
			ready = true
			v.pod.Ready()
		}

		if active := strconv.FormatBool(leads); active != said {
			patch := fmt.Appendf(nil, `{"metadata":{"labels":{"vault-active":%q}}}`, active)
			if _, err := v.pod.Client.CoreV1().Pods(v.pod.Namespace).Patch(ctx, v.pod.Name, types.MergePatchType, patch, metav1.PatchOptions{}); err == nil {
				said = active
			}
		}

		pause(ctx, vaultLook)
	}

	return ctx.Err()
}

// vaultSnapshot is the Job that asks a Vault for a snapshot, if there is one; that is told in the log and not kept.
func vaultSnapshot(ctx context.Context, pod *Pod, script string) error {
	if !strings.Contains(script, "vault operator raft snapshot save") {
		return fmt.Errorf("the lab's Vault knows no %q", script)
	}

	authorityPath, _ := pod.Env("VAULT_CACERT")

	authority, found, err := pod.File(ctx, authorityPath)
	if err != nil || !found {
		return err
	}

	token, err := (&tokens{admin: pod.runtime.admin, pod: pod.Pod}).get(ctx)
	if err != nil {
		return err
	}

	address, _ := pod.Env("VAULT_ADDR")
	client := &vaultClient{pod: pod, address: address, authority: authority}

	if err = client.login(ctx, "kubernetes", "snapshot", token); err != nil {
		return err
	}

	if err = client.must(ctx, http.MethodGet, "sys/storage/raft/snapshot", nil, nil); err != nil {
		return err
	}

	_, file, _ := strings.Cut(script, "vault operator raft snapshot save ")
	pod.Logf("Vault has given a snapshot for %s", file)

	return nil
}

// vaultStoreOf is what the members of a pod's StatefulSet have in common.
func vaultStoreOf(ctx context.Context, pod *Pod) (*vaultStore, error) {
	owner := metav1.GetControllerOf(pod)
	if owner == nil || owner.Kind != "StatefulSet" {
		return nil, errors.New("only a member of a StatefulSet has a volume")
	}

	volume, err := pod.runtime.boundTo(ctx, pod.Namespace, fmt.Sprintf("vault-raft-%s-0", owner.Name))
	if err != nil {
		return nil, err
	}

	return keepIn(pod, volume, openVaultStore)
}

// vaultMember answers for one pod.
type vaultMember struct {
	pod   *Pod
	store *vaultStore
}

func (v *vaultMember) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/sys/health", v.health)
	mux.HandleFunc("PUT /v1/sys/init", v.init)
	mux.HandleFunc("PUT /v1/sys/unseal", v.unseal)
	mux.HandleFunc("POST /v1/auth/{mount}/login", v.login)
	mux.HandleFunc("/v1/", v.use)

	return mux
}

// health has the state in its status: 501 is not initialized, 503 sealed, 429 a standby.
func (v *vaultMember) health(w http.ResponseWriter, _ *http.Request) {
	initialized, sealed, leads := v.store.state(v.pod.Name)
	status := http.StatusOK

	switch {
	case !initialized:
		status = http.StatusNotImplemented
	case sealed:
		status = http.StatusServiceUnavailable
	case !leads:
		status = http.StatusTooManyRequests
	}

	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)

	_ = json.NewEncoder(w).Encode(map[string]bool{"initialized": initialized, "sealed": sealed, "standby": !leads})
}

func (v *vaultMember) init(w http.ResponseWriter, request *http.Request) {
	var asked struct {
		Shares    int `json:"secret_shares"`
		Threshold int `json:"secret_threshold"`
	}
	if !read(w, request, &asked) {
		return
	}

	keys, root, err := v.store.initialize(asked.Shares, asked.Threshold)
	if err != nil {
		vaultError(w, http.StatusBadRequest, err)

		return
	}

	write(w, map[string]any{"keys": keys, "root_token": root})
}

func (v *vaultMember) unseal(w http.ResponseWriter, request *http.Request) {
	var asked struct {
		Key string `json:"key"`
	}
	if !read(w, request, &asked) {
		return
	}

	if err := v.store.unseal(v.pod.Name, asked.Key); err != nil {
		vaultError(w, http.StatusBadRequest, err)

		return
	}

	_, sealed, _ := v.store.state(v.pod.Name)
	write(w, map[string]bool{"sealed": sealed})
}

// login lets a service account in whose token the API server vouches for.
func (v *vaultMember) login(w http.ResponseWriter, request *http.Request) {
	var asked struct {
		Role string `json:"role"`
		JWT  string `json:"jwt"`
	}
	if !read(w, request, &asked) {
		return
	}

	if _, sealed, _ := v.store.state(v.pod.Name); sealed {
		vaultError(w, http.StatusServiceUnavailable, errors.New("Vault is sealed")) //nolint:staticcheck // its own words

		return
	}

	review, err := v.pod.Client.AuthenticationV1().TokenReviews().Create(request.Context(), &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: asked.JWT},
	}, metav1.CreateOptions{})
	if err == nil && !review.Status.Authenticated {
		err = errors.New("permission denied")
	}

	token := ""
	if err == nil {
		token, err = v.store.enter(request.PathValue("mount"), asked.Role, review.Status.User.Username)
	}

	if err != nil {
		vaultError(w, http.StatusForbidden, err)

		return
	}

	write(w, map[string]any{"auth": map[string]any{"client_token": token, "lease_duration": 3600, "renewable": true}})
}

// use reads and writes whatever is behind a token.
func (v *vaultMember) use(w http.ResponseWriter, request *http.Request) {
	if _, sealed, _ := v.store.state(v.pod.Name); sealed {
		vaultError(w, http.StatusServiceUnavailable, errors.New("Vault is sealed")) //nolint:staticcheck // its own words

		return
	}

	path := strings.TrimPrefix(request.URL.Path, "/v1/")
	capability := map[string]string{http.MethodGet: "read", http.MethodPost: "create", http.MethodPut: "create", http.MethodDelete: "delete"}[request.Method]

	if !v.store.allows(request.Header.Get("X-Vault-Token"), path, capability) {
		vaultError(w, http.StatusForbidden, fmt.Errorf("1 error occurred: * permission denied: %s %s", capability, path))

		return
	}

	body := map[string]any{}

	text, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxReview))
	if err == nil && len(text) > 0 {
		err = json.Unmarshal(text, &body)
	}

	if err != nil {
		vaultError(w, http.StatusBadRequest, err)

		return
	}

	switch answer, err := v.store.handle(capability, path, body); {
	case errors.Is(err, errNothingThere):
		vaultError(w, http.StatusNotFound, nil)
	case err != nil:
		vaultError(w, http.StatusNotImplemented, err)
	case answer == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		write(w, map[string]any{"data": answer})
	}
}

func vaultError(w http.ResponseWriter, status int, err error) {
	problems := []string{}
	if err != nil {
		problems = append(problems, err.Error())
	}

	text, _ := json.Marshal(map[string]any{"errors": problems})

	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)

	_, _ = w.Write(text)
}

// randomText is something that nobody can guess.
func randomText() string {
	bytes := make([]byte, 16)
	_, _ = rand.Read(bytes)

	return hex.EncodeToString(bytes)
}
