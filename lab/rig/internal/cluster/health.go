package cluster

import (
	"context"
	"crypto/tls"
	stdx509 "crypto/x509"
	"net/http"
	"time"

	"plinth.dev/lab/rig/internal/machine"
	"plinth.dev/lab/rig/internal/pki"
	"plinth.dev/lab/rig/internal/process"
	"plinth.dev/lab/rig/internal/settings"
)

// Ready says whether the machine's API server answers and etcd has quorum.
func (a *Agent) Ready() bool {
	a.mu.Lock()
	defer a.mu.Unlock()

	return a.ready && a.Etcd.Healthy()
}

const (
	healthInterval = time.Second
	// startupInterval is how often a program that is starting is looked at.
	startupInterval = 200 * time.Millisecond
)

// watchHealth keeps the health of etcd and the API server.
func (a *Agent) watchHealth(ctx context.Context) {
	for ctx.Err() == nil {
		a.Etcd.probe(ctx)

		if refusal := a.Etcd.Refusal(); refusal != nil {
			a.SetService("etcd", machine.ServiceFailed, "Failed: "+refusal.Error(), false)
		} else {
			a.describe("etcd", a.Etcd.unit.State(), a.Etcd.Healthy(), a.Etcd.waiting())
		}

		a.setReady(a.apiServer.State().Running && a.probeAPIServer(ctx))

		interval := healthInterval
		if !a.Ready() {
			interval = startupInterval
		}

		select {
		case <-ctx.Done():
		case <-time.After(interval):
		}
	}
}

func (a *Agent) setReady(ready bool) {
	a.mu.Lock()
	changed := a.ready != ready
	a.ready = ready
	a.mu.Unlock()

	if changed {
		a.Log.Printf("kube-apiserver ready: %t", ready)
		a.Hub.Notify()
	}
}

func (a *Agent) probeAPIServer(ctx context.Context) bool {
	cfg := a.Config()

	if a.probe == nil {
		pair, err := pki.Issue(settings.KubernetesCA(cfg), pki.Leaf{Name: "probe", Organizations: []string{"system:masters"}, Usage: pki.ClientAuth})
		if err != nil {
			return false
		}

		pool := stdx509.NewCertPool()
		pool.AppendCertsFromPEM(settings.KubernetesCA(cfg).Crt)
		a.probe = &http.Client{
			Timeout: 1500 * time.Millisecond,
			Transport: &http.Transport{TLSClientConfig: &tls.Config{
				RootCAs: pool, Certificates: []tls.Certificate{*pair.Certificate}, MinVersion: tls.VersionTLS12,
			}},
		}
	}

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, apiServerAddress(a.Session, cfg)+"/readyz", nil)
	if err != nil {
		return false
	}

	response, err := a.probe.Do(request)
	if err != nil {
		return false
	}

	defer response.Body.Close() //nolint:errcheck // nothing is read

	return response.StatusCode == http.StatusOK
}

// describe turns a program's state into a service's.
func (a *Agent) describe(id string, state process.State, healthy bool, waiting string) {
	switch {
	case waiting != "":
		a.SetService(id, machine.ServiceWaiting, waiting, false)
	case state.Running && healthy:
		a.SetService(id, machine.ServiceRunning, "Health check successful", true)
	case state.Running:
		a.SetService(id, machine.ServiceRunning, "Health check failed: context deadline exceeded", false)
	case state.Failure != "":
		a.SetService(id, machine.ServiceFailed, "Failed: "+state.Failure, false)
	default:
		a.SetService(id, machine.ServiceStarting, "Starting", false)
	}
}
