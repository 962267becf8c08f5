package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"
)

const (
	challengeVersion = "webhook.acme.cert-manager.io/v1alpha1"
	challengeKind    = "ChallengePayload"
	presentChallenge = "Present"
	cleanUpChallenge = "CleanUp"
)

// challengePayload is what cert-manager and a solver of DNS-01 say to each other through the API server.
type challengePayload struct {
	metav1.TypeMeta `json:",inline"`
	Request         *challengeRequest  `json:"request,omitempty"`
	Response        *challengeResponse `json:"response,omitempty"`
}

type challengeRequest struct {
	UID               types.UID       `json:"uid"`
	Action            string          `json:"action"`
	Type              string          `json:"type"`
	DNSName           string          `json:"dnsName"`
	Key               string          `json:"key"`
	ResourceNamespace string          `json:"resourceNamespace"`
	ResolvedFQDN      string          `json:"resolvedFQDN,omitempty"`
	ResolvedZone      string          `json:"resolvedZone,omitempty"`
	Config            json.RawMessage `json:"config,omitempty"`
}

type challengeResponse struct {
	UID     types.UID      `json:"uid"`
	Success bool           `json:"success"`
	Result  *metav1.Status `json:"status,omitempty"`
}

// dnsSolver is a webhook of an issuer, and what it is to show.
type dnsSolver struct {
	manager *certManager
	path    string
	request challengeRequest
}

// dnsSolver is the first of an issuer that shows names by DNS through a webhook; selectors are not there.
func (c *certManager) dnsSolver(issuer *unstructured.Unstructured, name, value string) (*dnsSolver, error) {
	solvers, _, _ := unstructured.NestedSlice(issuer.Object, "spec", "acme", "solvers")

	for _, entry := range solvers {
		solver, _ := entry.(map[string]any)

		webhook, found, _ := unstructured.NestedMap(solver, "dns01", "webhook")
		if !found {
			continue
		}

		config, err := json.Marshal(webhook["config"])
		if err != nil {
			return nil, err
		}

		return &dnsSolver{
			manager: c,
			path:    fmt.Sprintf("/apis/%v/v1alpha1/%v", webhook["groupName"], webhook["solverName"]),
			request: challengeRequest{
				UID: uuid.NewUUID(), Type: "dns-01", DNSName: name, Key: value, ResourceNamespace: c.namespace,
				ResolvedFQDN: "_acme-challenge." + absolute(name), Config: config,
			},
		}, nil
	}

	return nil, errors.New("the lab only shows names by DNS-01 through a webhook, and the issuer names none")
}

func (s *dnsSolver) ask(ctx context.Context, action string) error {
	s.request.Action = action

	body, err := json.Marshal(challengePayload{
		TypeMeta: metav1.TypeMeta{APIVersion: challengeVersion, Kind: challengeKind}, Request: &s.request,
	})
	if err != nil {
		return err
	}

	answer, err := s.manager.pod.Client.Discovery().RESTClient().Post().AbsPath(s.path).
		SetHeader("Content-Type", "application/json").Body(body).DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("%s of %s: %w", action, s.request.DNSName, err)
	}

	var payload challengePayload
	if err = json.Unmarshal(answer, &payload); err != nil {
		return err
	}

	switch response := payload.Response; {
	case response == nil:
		return fmt.Errorf("%s of %s: the solver said nothing", action, s.request.DNSName)
	case !response.Success && response.Result != nil:
		return fmt.Errorf("%s of %s: %s", action, s.request.DNSName, response.Result.Message)
	case !response.Success:
		return fmt.Errorf("%s of %s: the solver failed", action, s.request.DNSName)
	default:
		return nil
	}
}
