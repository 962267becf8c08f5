package cluster

import (
	"context"
	_ "embed"
	"fmt"
	"log"
	"strings"
	"time"

	"plinth.dev/lab/rig/internal/settings"
	"plinth.dev/lab/rig/internal/workload"
)

const manifestRetry = 2 * time.Second

// What Talos itself puts into a cluster, as far as others wait for it.
//
//go:embed coredns.yaml
var coreDNS string

// keepManifests puts what the configuration asks for into a new cluster. What is there stays as it is:
// it may have been changed since.
func (r *Registry) keepManifests(ctx context.Context, id string, runtime *workload.Runtime) {
	said := ""

	for ctx.Err() == nil {
		authority := r.Authority(id)
		if authority == nil || !authority.Config().K8sCoreDNSConfig().Enabled() {
			return
		}

		cfg := authority.Config()
		service := settings.Network(cfg).ServiceCIDRs()[0].Masked().Addr()

		for range 10 {
			service = service.Next()
		}

		text := strings.NewReplacer(
			"@IMAGE@", cfg.K8sCoreDNSConfig().Image(), "@DOMAIN@", settings.Network(cfg).DNSDomain(), "@ADDRESS@", service.String(),
		).Replace(coreDNS)

		err := runtime.CreateMissing(ctx, []byte(text))
		if err == nil {
			return
		}

		if message := fmt.Sprintf("manifests of %s: %v", settings.ClusterName(cfg), err); message != said && ctx.Err() == nil {
			log.Print(message)

			said = message
		}

		select {
		case <-ctx.Done():
		case <-time.After(manifestRetry):
		}
	}
}
