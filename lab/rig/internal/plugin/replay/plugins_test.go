package replay

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"plinth.dev/lab/rig/internal/plugin/command"
	"plinth.dev/lab/rig/internal/plugin/random"
	"plinth.dev/lab/rig/internal/plugin/tls"
)

func TestRandomAnswersAsRecorded(t *testing.T) {
	player := &Player{
		New: func() pulumirpc.ResourceProviderServer { return random.New() },
		Normalisations: append([]Normalisation{
			{Path: regexp.MustCompile(`(^id|\.(id|b64Std|b64Url|dec|hex))$`), Reason: "random bytes"},
		}, bridgedNormalisations...),
	}
	player.check(t, "random", 179)
}

func TestTLSAnswersAsRecorded(t *testing.T) {
	player := &Player{
		New: func() pulumirpc.ResourceProviderServer { return tls.New() },
		Normalisations: append([]Normalisation{
			{Path: regexp.MustCompile(`(^id|\.(id|certPem|certRequestPem|publicKey\w+|validity(Start|End)Time))$`), Reason: "keys are random and times pass"},
		}, bridgedNormalisations...),
	}
	player.check(t, "tls", 345)
}

func TestCommandAnswersAsRecorded(t *testing.T) {
	if err := os.MkdirAll(filepath.Join(folder, "work"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	player := &Player{
		New: func() pulumirpc.ResourceProviderServer { return command.New() },
		// Standard output and error are two streams: which line comes first is a matter of luck.
		LinesUnordered: true,
		Normalisations: []Normalisation{
			{Path: regexp.MustCompile(`^id$`), Value: regexp.MustCompile(`^[a-z0-9]+[0-9a-f]{8}$`), Reason: "every id ends in random digits"},
			addKind,
		},
		Exceptions: []Exception{
			{Name: "assets", Reason: "assetPaths and archivePaths are refused"},
			{Name: "stdin", Call: "Check", Reason: "logging other than \"none\" is refused"},
			{File: "command/errors-with-details", Index: []int{6}, Reason: "logging other than \"none\" is refused"},
		},
	}
	player.check(t, "command", 273)
}
