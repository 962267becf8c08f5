package replay

import (
	"regexp"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"plinth.dev/lab/rig/internal/plugin/talos"
)

func TestTalosAnswersAsRecorded(t *testing.T) {
	startMachine(t, "127.81.10.11", false)
	startMachine(t, "127.81.10.21", true)
	player := &Player{
		New: func() pulumirpc.ResourceProviderServer { return talos.New() },
		Normalisations: append([]Normalisation{
			{Value: regexp.MustCompile(`decode error: yaml: `), Reason: "the words of the YAML parser differ from version to version"},
		}, bridgedNormalisations...),
		Exceptions: []Exception{
			{Call: "Invoke", Type: regexp.MustCompile("getHealth"), Reason: "the health check is not implemented: readiness is waited for where it is needed"},
			{File: "talos/cluster", Step: regexp.MustCompile("^1[23]-"), Type: regexp.MustCompile("Kubeconfig"),
				Reason: "the official plugin answers unknown values in a real run, which ends it; the stand-in keeps the old ones"},
		},
	}
	player.check(t, "talos", 343)
}
