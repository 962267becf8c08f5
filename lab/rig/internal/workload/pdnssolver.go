package workload

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	pdnsSolver     = "pdns"
	pdnsSolverPort = 8443
	pdnsSolverTTL  = 120
)

// powerDNSSolver is an API of the cluster by which cert-manager has records written into a PowerDNS and taken away.
// The zone is the longest of that server's own, since there is no DNS of the world to ask. Who may call it is the API
// server's to say; whether it is the API server that calls is not asked.
func powerDNSSolver(ctx context.Context, pod *Pod) error {
	var pair certificates

	// A kubelet would wait for the Secret.
	for pair.key == nil {
		certificate, _, err := pod.File(ctx, pod.Flag("tls-cert-file"))
		if err != nil {
			return err
		}

		key, _, err := pod.File(ctx, pod.Flag("tls-private-key-file"))
		if err != nil {
			return err
		}

		if pair = (certificates{certificate: certificate, key: key}); pair.key == nil {
			pause(ctx, watchRetry)
		}

		if ctx.Err() != nil {
			return ctx.Err()
		}
	}

	group, _ := pod.Env("GROUP_NAME")
	base := "/apis/" + group + "/v1alpha1"
	mux := http.NewServeMux()

	mux.HandleFunc("GET "+base, func(w http.ResponseWriter, _ *http.Request) {
		write(w, &metav1.APIResourceList{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIResourceList"}, GroupVersion: group + "/v1alpha1",
			APIResources: []metav1.APIResource{{Name: pdnsSolver, SingularName: pdnsSolver, Kind: challengeKind, Verbs: metav1.Verbs{"create"}}},
		})
	})
	mux.HandleFunc("POST "+base+"/"+pdnsSolver, func(w http.ResponseWriter, request *http.Request) {
		payload := &challengePayload{}
		if !read(w, request, payload) {
			return
		}

		if payload.Request == nil {
			http.Error(w, "the payload holds no request", http.StatusBadRequest)

			return
		}

		payload.Response = &challengeResponse{UID: payload.Request.UID, Success: true}
		if err := solve(request.Context(), pod, payload.Request); err != nil {
			payload.Response.Success, payload.Response.Result = false, &metav1.Status{Message: err.Error()}
		}

		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)

		_ = json.NewEncoder(w).Encode(payload)
	})

	port, err := strconv.ParseInt(pod.Flag("secure-port"), 10, 32)
	if err != nil {
		port = pdnsSolverPort
	}

	return pod.serveTLS(ctx, int32(port), pair, mux)
}

// solve writes the record of a challenge beside those that are there, or takes it away from them.
func solve(ctx context.Context, pod *Pod, request *challengeRequest) error {
	var config struct {
		Host   string `json:"host"`
		APIKey struct {
			Name string `json:"name"`
			Key  string `json:"key"`
		} `json:"apiKeySecretRef"`
	}
	if err := json.Unmarshal(request.Config, &config); err != nil {
		return err
	}

	secret, err := pod.Client.CoreV1().Secrets(request.ResourceNamespace).Get(ctx, config.APIKey.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}

	server := &powerDNSClient{pod: pod, server: strings.TrimRight(config.Host, "/"), key: string(secret.Data[config.APIKey.Key])}

	zone, err := server.zoneOf(ctx, request.ResolvedFQDN)
	if err != nil {
		return err
	}

	set := recordSet{Name: request.ResolvedFQDN, Type: "TXT", TTL: pdnsSolverTTL, ChangeType: "REPLACE"}
	mine := recordText{Content: `"` + request.Key + `"`}

	for _, present := range zone.Sets {
		if present.Name == set.Name && present.Type == set.Type {
			set.Records = slices.DeleteFunc(present.Records, func(one recordText) bool { return one == mine })
		}
	}

	if request.Action == presentChallenge {
		set.Records = append(set.Records, mine)
	}

	if len(set.Records) == 0 {
		set.ChangeType = "DELETE"
	}

	return server.call(ctx, http.MethodPatch, "/zones/"+zone.ID, map[string]any{"rrsets": []recordSet{set}}, nil)
}

// zoneOf is the longest zone that a name lies in, with its records.
func (c *powerDNSClient) zoneOf(ctx context.Context, name string) (shownZone, error) {
	var all []shownZone
	if err := c.call(ctx, http.MethodGet, "/zones", nil, &all); err != nil {
		return shownZone{}, err
	}

	var found shownZone

	for _, zone := range all {
		if lies(name, zone.Name) && len(zone.Name) > len(found.Name) {
			found = zone
		}
	}

	if found.ID == "" {
		return shownZone{}, fmt.Errorf("no zone of PowerDNS has %s", name)
	}

	return found, c.call(ctx, http.MethodGet, "/zones/"+found.ID, nil, &found)
}
