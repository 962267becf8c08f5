package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	externalSecretsGroup = "external-secrets.io"
	clusterStoreKind     = "ClusterSecretStore"
	// storeSession is how long a token of Vault is used, and how often a store is judged.
	storeSession = time.Minute
	// storeToken is how long the API server's token for the login lasts, in seconds.
	storeToken = 600
)

var (
	clusterSecretStores    = resource(externalSecretsGroup, "v1", "clustersecretstores")
	externalSecretObjects  = resource(externalSecretsGroup, "v1", "externalsecrets")
	clusterExternalSecrets = resource(externalSecretsGroup, "v1", "clusterexternalsecrets")
	pushSecrets            = resource(externalSecretsGroup, "v1alpha1", "pushsecrets")
	passwordGenerators     = resource("generators."+externalSecretsGroup, "v1alpha1", "passwords")
)

// externalSecrets is all of its commands: `webhook` judges, `certcontroller` gives that its certificate, and without
// one it reads Secrets out of Vault and writes generated passwords into it. Other stores, templates, `dataFrom`, other
// generators than passwords and the election of one among several are not there.
func externalSecrets(ctx context.Context, pod *Pod) error {
	words := pod.Words()

	switch {
	case len(words) > 0 && words[0] == "webhook":
		return externalSecretsWebhook(ctx, pod)
	case len(words) > 0 && words[0] == "certcontroller":
		return externalSecretsCertificates(ctx, pod)
	}

	s := &secretSync{pod: pod, sessions: map[string]*storeAccess{}}

	pod.Ready()

	return pod.Follow(ctx, func(ctx context.Context) error {
		return errors.Join(
			s.judgeAll(ctx), s.each(ctx, pushSecrets, s.push), s.each(ctx, clusterExternalSecrets, s.spread), s.each(ctx, externalSecretObjects, s.fetch),
		)
	}, Watched{clusterSecretStores, ""}, Watched{pushSecrets, ""}, Watched{clusterExternalSecrets, ""}, Watched{externalSecretObjects, ""},
		Watched{resource("", "v1", "secrets"), ""}, Watched{resource("", "v1", "namespaces"), ""})
}

type secretSync struct {
	pod *Pod
	// sessions are what stores gave access to, by name.
	sessions map[string]*storeAccess
}

// storeAccess is a Vault that has let somebody in, or why it did not.
type storeAccess struct {
	vault      *vaultClient
	mount      string
	problem    error
	generation int64
	until      time.Time
}

// each does something with every object of a kind; a problem with one does not keep the others waiting.
func (s *secretSync) each(ctx context.Context, kind schema.GroupVersionResource, do func(context.Context, *unstructured.Unstructured) error) error {
	list, err := s.pod.Objects.Resource(kind).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}

	var problems []error

	for n := range list.Items {
		if err = do(ctx, &list.Items[n]); err != nil {
			problems = append(problems, fmt.Errorf("%s %s: %w", list.Items[n].GetKind(), list.Items[n].GetName(), err))
		}
	}

	return errors.Join(problems...)
}

// judgeAll judges every store, and knows no other.
func (s *secretSync) judgeAll(ctx context.Context) error {
	seen := map[string]bool{}
	err := s.each(ctx, clusterSecretStores, func(ctx context.Context, store *unstructured.Unstructured) error {
		seen[store.GetName()] = true

		return s.judge(ctx, store)
	})

	maps.DeleteFunc(s.sessions, func(name string, _ *storeAccess) bool { return !seen[name] })

	return err
}

// judge says of a store whether it lets anybody in.
func (s *secretSync) judge(ctx context.Context, store *unstructured.Unstructured) error {
	access := s.sessions[store.GetName()]
	if access == nil || access.problem != nil || access.generation != store.GetGeneration() || time.Now().After(access.until) {
		access = s.enter(ctx, store)
		s.sessions[store.GetName()] = access
	}

	condition := metav1.Condition{Type: "Ready", Status: metav1.ConditionTrue, Reason: "Valid", Message: "store validated"}
	if access.problem != nil {
		condition.Status, condition.Reason, condition.Message = metav1.ConditionFalse, "InvalidProviderConfig", "unable to create client"
	}

	changed := setCondition(store, condition)
	if capable, _, _ := unstructured.NestedString(store.Object, "status", "capabilities"); capable == "" && access.problem == nil {
		changed = true
		_ = unstructured.SetNestedField(store.Object, "ReadWrite", "status", "capabilities")
	}

	if changed {
		_, err := s.pod.Objects.Resource(clusterSecretStores).UpdateStatus(ctx, store, metav1.UpdateOptions{})

		return errors.Join(access.problem, err)
	}

	return access.problem
}

// storeSpec is what of a store's fields is used.
type storeSpec struct {
	Provider struct {
		Vault *struct {
			Server     string                                      `json:"server"`
			Path       string                                      `json:"path"`
			Version    string                                      `json:"version"`
			CAProvider struct{ Type, Namespace, Name, Key string } `json:"caProvider"`
			Auth       struct {
				Kubernetes *struct {
					MountPath      string                           `json:"mountPath"`
					Role           string                           `json:"role"`
					ServiceAccount struct{ Name, Namespace string } `json:"serviceAccountRef"`
				} `json:"kubernetes"`
			} `json:"auth"`
		} `json:"vault"`
	} `json:"provider"`
}

// enter logs in to a store's Vault by a token that the API server gives for the service account.
func (s *secretSync) enter(ctx context.Context, store *unstructured.Unstructured) *storeAccess {
	access := &storeAccess{generation: store.GetGeneration(), until: time.Now().Add(storeSession)}
	access.problem = func() error {
		var spec storeSpec
		if err := specOf(store, &spec); err != nil {
			return err
		}

		vault := spec.Provider.Vault
		if vault == nil || vault.Version != "v2" || vault.Auth.Kubernetes == nil || vault.CAProvider.Type != "Secret" {
			return errors.New("only a Vault with version v2, its CA in a Secret and Kubernetes auth can be read here")
		}

		authority, err := s.pod.Client.CoreV1().Secrets(vault.CAProvider.Namespace).Get(ctx, vault.CAProvider.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}

		who, seconds := vault.Auth.Kubernetes.ServiceAccount, int64(storeToken)

		answer, err := s.pod.Client.CoreV1().ServiceAccounts(who.Namespace).CreateToken(ctx, who.Name, &authenticationv1.TokenRequest{
			Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds},
		}, metav1.CreateOptions{})
		if err != nil {
			return err
		}

		access.mount = vault.Path
		access.vault = &vaultClient{pod: s.pod, address: vault.Server, authority: authority.Data[vault.CAProvider.Key]}

		return access.vault.login(ctx, vault.Auth.Kubernetes.MountPath, vault.Auth.Kubernetes.Role, answer.Status.Token)
	}()

	return access
}

// session is the access that a store gave.
func (s *secretSync) session(kind, name string) (*storeAccess, error) {
	if kind != clusterStoreKind {
		return nil, fmt.Errorf("only a %s can be read here", clusterStoreKind)
	}

	access := s.sessions[name]
	if access == nil {
		return nil, fmt.Errorf("could not get %s %q, not found", clusterStoreKind, name)
	}

	return access, access.problem
}

// read is a secret's newest version; nil without one.
func (a *storeAccess) read(ctx context.Context, key string) (map[string]any, error) {
	var answer struct {
		Data struct {
			Data map[string]any `json:"data"`
		} `json:"data"`
	}

	path := a.mount + "/data/" + key

	status, err := a.vault.call(ctx, http.MethodGet, path, nil, &answer)
	if err == nil && status != http.StatusOK && status != http.StatusNotFound {
		// The next look logs in again.
		a.until = time.Time{}
		err = fmt.Errorf("read %s: %d %s", path, status, http.StatusText(status))
	}

	return answer.Data.Data, err
}

// write adds a version to a secret, and says in its metadata who did.
func (a *storeAccess) write(ctx context.Context, key string, data map[string]any) error {
	marks := map[string]any{"custom_metadata": map[string]string{"managed-by": "external-secrets"}}
	if err := a.vault.must(ctx, http.MethodPut, a.mount+"/metadata/"+key, marks, nil); err != nil {
		return err
	}

	return a.vault.must(ctx, http.MethodPut, a.mount+"/data/"+key, map[string]any{"data": data}, nil)
}

// specOf reads what of an object's spec a program uses.
func specOf(object *unstructured.Unstructured, into any) error {
	text, err := json.Marshal(object.Object["spec"])
	if err != nil {
		return err
	}

	return json.Unmarshal(text, into)
}
