package workload

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha256"
	stdx509 "crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	sealedSecretsGroup = "bitnami.com"
	sealingKeyLabel    = "sealedsecrets.bitnami.com/sealed-secrets-key"
	sealedForNamespace = "sealedsecrets.bitnami.com/namespace-wide"
	sealedForCluster   = "sealedsecrets.bitnami.com/cluster-wide"
)

var sealedSecrets = resource(sealedSecretsGroup, "v1alpha1", "sealedsecrets")

// sealedSecretsController opens SealedSecrets with the keys that it found when it started, as kubeseal has sealed
// them, and hands out the certificate to seal for. A key of its own it makes only where there is none; it never
// renews one.
func sealedSecretsController(ctx context.Context, pod *Pod) error {
	s := &sealing{pod: pod}
	if err := s.findKeys(ctx); err != nil {
		return err
	}

	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	mux.HandleFunc("/v1/cert.pem", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(s.certificate) })

	return together(ctx,
		func(ctx context.Context) error { return pod.serveHTTP(ctx, pod.Port("http", 8080), mux) },
		func(ctx context.Context) error {
			return pod.Follow(ctx, s.openAll, Watched{sealedSecrets, ""}, Watched{resource("", "v1", "secrets"), ""})
		})
}

type sealing struct {
	pod         *Pod
	keys        []*rsa.PrivateKey
	certificate []byte
}

func (s *sealing) findKeys(ctx context.Context) error {
	secrets := s.pod.Client.CoreV1().Secrets(s.pod.Namespace)

	list, err := secrets.List(ctx, metav1.ListOptions{LabelSelector: sealingKeyLabel})
	if err != nil {
		return err
	}

	if len(list.Items) == 0 {
		pair, err := newAuthority(sealedSecretsGroup)
		if err != nil {
			return err
		}

		made, err := secrets.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{GenerateName: nextWord(s.pod.Words(), "--key-prefix"), Labels: map[string]string{sealingKeyLabel: "active"}},
			Type:       corev1.SecretTypeTLS, Data: map[string][]byte{tlsCertificateKey: pair.Crt, tlsPrivateKey: pair.Key},
		}, metav1.CreateOptions{})
		if err != nil {
			return err
		}

		list.Items = append(list.Items, *made)
	}

	newest := time.Time{}

	for n := range list.Items {
		secret := &list.Items[n]

		key, err := rsaKey(secret.Data[tlsPrivateKey])
		if err != nil {
			return fmt.Errorf("key %s: %w", secret.Name, err)
		}

		s.keys = append(s.keys, key)

		if secret.CreationTimestamp.Time.After(newest) {
			newest, s.certificate = secret.CreationTimestamp.Time, secret.Data[tlsCertificateKey]
		}
	}

	return nil
}

func rsaKey(text []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("it is no PEM")
	}

	if key, err := stdx509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}

	parsed, err := stdx509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}

	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("it is no RSA key")
	}

	return key, nil
}

func (s *sealing) openAll(ctx context.Context) error {
	list, err := s.pod.Objects.Resource(sealedSecrets).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}

	var problems []error

	for n := range list.Items {
		sealed := &list.Items[n]
		condition := metav1.Condition{Type: "Synced", Status: metav1.ConditionTrue}

		if err = s.open(ctx, sealed); err != nil {
			condition.Status, condition.Message = metav1.ConditionFalse, err.Error()
			problems = append(problems, fmt.Errorf("%s/%s: %w", sealed.GetNamespace(), sealed.GetName(), err))
		}

		if setSynced(sealed, condition) {
			_, err = s.pod.Objects.Resource(sealedSecrets).Namespace(sealed.GetNamespace()).UpdateStatus(ctx, sealed, metav1.UpdateOptions{})
			problems = append(problems, err)
		}
	}

	return errors.Join(problems...)
}

// setSynced sets the only condition, which has no reason here.
func setSynced(sealed *unstructured.Unstructured, condition metav1.Condition) bool {
	conditions, _, _ := unstructured.NestedSlice(sealed.Object, "status", "conditions")
	for _, entry := range conditions {
		fields, _ := entry.(map[string]any)
		message, _ := fields["message"].(string)

		if fields["type"] == condition.Type && fields["status"] == string(condition.Status) && message == condition.Message {
			return false
		}
	}

	now := time.Now().UTC().Format(time.RFC3339)
	_ = unstructured.SetNestedSlice(sealed.Object, []any{map[string]any{
		"type": condition.Type, "status": string(condition.Status), "message": condition.Message, "lastTransitionTime": now, "lastUpdateTime": now,
	}}, "status", "conditions")
	_ = unstructured.SetNestedField(sealed.Object, sealed.GetGeneration(), "status", "observedGeneration")

	return true
}

func (s *sealing) open(ctx context.Context, sealed *unstructured.Unstructured) error {
	var spec struct {
		EncryptedData map[string]string `json:"encryptedData"`
		Template      struct {
			Type     corev1.SecretType `json:"type"`
			Metadata metav1.ObjectMeta `json:"metadata"`
		} `json:"template"`
	}

	text, err := json.Marshal(sealed.Object["spec"])
	if err == nil {
		err = json.Unmarshal(text, &spec)
	}

	if err != nil {
		return err
	}

	data := map[string][]byte{}

	for key, value := range spec.EncryptedData {
		if data[key], err = s.decrypt(value, label(sealed)); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}

	secrets := s.pod.Client.CoreV1().Secrets(sealed.GetNamespace())
	live, err := secrets.Get(ctx, sealed.GetName(), metav1.GetOptions{})

	if apierrors.IsNotFound(err) {
		yes := true
		_, err = secrets.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Name: sealed.GetName(), Labels: spec.Template.Metadata.Labels, Annotations: spec.Template.Metadata.Annotations,
				OwnerReferences: []metav1.OwnerReference{{
					APIVersion: sealed.GetAPIVersion(), Kind: sealed.GetKind(), Name: sealed.GetName(), UID: sealed.GetUID(), Controller: &yes,
				}},
			},
			Type: spec.Template.Type, Data: data,
		}, metav1.CreateOptions{})

		return err
	}

	if err != nil || reflect.DeepEqual(live.Data, data) {
		return err
	}

	if !metav1.IsControlledBy(live, sealed) {
		return fmt.Errorf("Resource %q already exists and is not managed by SealedSecret", sealed.GetName()) //nolint:staticcheck // its own words
	}

	live.Data = data
	_, err = secrets.Update(ctx, live, metav1.UpdateOptions{})

	return err
}

// label is what a text was sealed for: nowhere else does it open.
func label(sealed *unstructured.Unstructured) []byte {
	switch annotations := sealed.GetAnnotations(); {
	case annotations[sealedForCluster] == "true":
		return nil
	case annotations[sealedForNamespace] == "true":
		return []byte(sealed.GetNamespace())
	default:
		return []byte(sealed.GetNamespace() + "/" + sealed.GetName())
	}
}

// decrypt opens a text: the length of a sealed key, that key, and what is encrypted with it.
func (s *sealing) decrypt(value string, label []byte) ([]byte, error) {
	sealed, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return nil, err
	}

	if len(sealed) < 2 || len(sealed) < 2+int(binary.BigEndian.Uint16(sealed)) {
		return nil, errors.New("data is too short")
	}

	end := 2 + int(binary.BigEndian.Uint16(sealed))

	for _, key := range s.keys {
		session, err := rsa.DecryptOAEP(sha256.New(), nil, key, sealed[2:end], label)
		if err != nil {
			continue
		}

		block, err := aes.NewCipher(session)
		if err != nil {
			return nil, err
		}

		mode, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}

		// Every text has a key of its own, so that none needs a nonce.
		return mode.Open(nil, make([]byte, mode.NonceSize()), sealed[end:], nil)
	}

	return nil, errors.New("no key could decrypt secret")
}
