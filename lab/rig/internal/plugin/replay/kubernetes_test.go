package replay

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"plinth.dev/lab/rig/internal/plugin/kubernetes"
)

var kubernetesNormalisations = []Normalisation{
	{Path: regexp.MustCompile(`\.(resourceVersion|uid|creationTimestamp|generation|time|lastTransitionTime|lastUpdateTime|startTime|completionTime|deletionTimestamp|lastProbeTime)$`),
		Reason: "the API server's own numbers and times"},
	{Path: regexp.MustCompile(`__fieldManager$`), Reason: "random by resource"},
	{Value: regexp.MustCompile(`^[a-z0-9/-]+-[0-9a-f]{8}$`), Reason: "autonames come from the engine's seed and the plugin's own function of it"},
	{Path: regexp.MustCompile(`managedFields`), Ignore: true, Reason: "order and times of the API server's bookkeeping differ by run"},
}

func TestKubernetesAnswersAsRecorded(t *testing.T) {
	cluster := startCluster(t)
	layCharts(t)
	player := &Player{
		New:            func() pulumirpc.ResourceProviderServer { return kubernetes.New() },
		Normalisations: kubernetesNormalisations,
		Exceptions:     kubernetesExceptions,
		Before:         cluster.intervene,
	}
	player.check(t, "kubernetes", 100)
}

var kubernetesExceptions = []Exception{
	{Type: regexp.MustCompile(`^(pulumi:providers:|)command`), Reason: "the command plugin is replayed on its own"},
	{Type: regexp.MustCompile(`pulumi:providers:command`), Reason: "the command plugin is replayed on its own"},
	{Call: "Construct", Reason: "component types are not implemented: a program's own library makes the children"},
	{Call: "Create", Type: regexp.MustCompile(`^kubernetes:other.example.com`), Reason: "TODO 63"},
	{File: "kubernetes/errors-with-details", Call: "Create", Index: []int{8}, Reason: "TODO 63"},
	{Type: regexp.MustCompile(`Patch$`), Reason: "patch resources are not implemented"},
}

// layCharts puts charts like the recorded ones where the recordings look for them.
func layCharts(t *testing.T) {
	t.Helper()
	target := filepath.Join(folder, "charts")
	if err := os.CopyFS(target, os.DirFS(filepath.Join("..", "..", "..", "testdata", "charts"))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(target) })
	demo, err := loader.Load(filepath.Join(target, "demo"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chartutil.Save(demo, target); err != nil {
		t.Fatal(err)
	}
}
