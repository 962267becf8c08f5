package replay

import (
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"plinth.dev/lab/rig/internal/plugin/talos"
)

func TestTalosAnswersAsRecorded(t *testing.T) {
	player := &Player{New: func() pulumirpc.ResourceProviderServer { return talos.New() }, Normalisations: bridgedNormalisations}
	player.check(t, "talos", 300)
}
