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
	{Path: regexp.MustCompile(`__inputs\.metadata\.resourceVersion$`), Ignore: true, Reason: "the official plugin adds it to the remembered inputs of a definition"},
	{Path: regexp.MustCompile(`\.(resourceVersion|uid|creationTimestamp|generation|observedGeneration|time|startTime|completionTime|deletionTimestamp|last\w+Time)$`),
		Reason: "the API server's own numbers and times"},
	{Path: regexp.MustCompile(`controller-uid$`), Reason: "the API server's own numbers"},
	{Path: regexp.MustCompile(`nodePort$`), Ignore: true, Reason: "the API server's own numbers"},
	{Path: regexp.MustCompile(`__fieldManager$`), Value: regexp.MustCompile(`-[0-9a-f]{8}$`), Reason: "random by resource"},
	{Value: regexp.MustCompile(`^[a-z0-9/-]+-[0-9a-f]{8}$`), Reason: "autonames come from the engine's seed and the plugin's own function of it"},
	{Value: regexp.MustCompile(`^(csa-demo/)?gen-[a-z0-9]{5}$`), Reason: "the API server's own random names"},
	{Path: regexp.MustCompile(`\.(clusterIPs?(\[0\])?|nodeName|hostIP|podIP|ip|healthCheckNodePort)$`), Reason: "addresses and nodes are this cluster's"},
	{Value: regexp.MustCompile(`^kube-api-access-[a-z0-9]{5}$`), Reason: "the API server's own random names"},
	{Path: regexp.MustCompile(`\.ca\.crt$`), Reason: "this cluster's own certificate authority"},
	{Path: regexp.MustCompile(`managedFields`), Ignore: true, Reason: "order and times of the API server's bookkeeping differ by run"},
	{Path: regexp.MustCompile(`^(detail\.)?properties\.status\.(conditions|acceptedNames|storedVersions|containerStatuses|.*[rR]eplicas|phase|succeeded|uncountedTerminatedPods|ready|active|terminating)`),
		Ignore: true, Reason: "controllers write the status at their own pace"},
	{Path: regexp.MustCompile(`^error$`), Value: regexp.MustCompile(`/openapi/v2\?timeout=`), Ignore: true, Reason: "the stand-in asks an unreachable server another question"},
	addKind,
}

func TestKubernetesAnswersAsRecorded(t *testing.T) {
	cluster := startCluster(t)
	layCharts(t)
	if err := cluster.writeKubeconfig("kube/pki/admin.kubeconfig", "6443"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	player := &Player{
		New:            func() pulumirpc.ResourceProviderServer { return kubernetes.New() },
		Normalisations: kubernetesNormalisations,
		Exceptions:     kubernetesExceptions,
		Before:         cluster.intervene,
		Provider:       providerOf,
	}
	player.check(t, "kubernetes", 2422)
}

var kubernetesExceptions = []Exception{
	{Type: regexp.MustCompile(`^(pulumi:providers:|)command`), Reason: "the command plugin is replayed on its own"},
	{Call: "Construct", Reason: "component types are not implemented: a program's own library makes the children"},
	{Call: "Invoke", Type: regexp.MustCompile(`^kubernetes:(yaml:decode|helm:template)$`), Reason: "the functions behind component types are not implemented"},
	{Type: regexp.MustCompile(`Patch$`), Reason: "patch resources are not implemented"},
	{Call: "Create", Type: regexp.MustCompile(`^kubernetes:other.example.com`), Reason: "waits 63 seconds for a definition that never comes"},
	{File: "kubernetes/errors-with-details", Index: []int{8}, Reason: "waits 63 seconds for a namespace that never comes"},
	{File: "kubernetes/provider", Call: "Configure", Index: []int{47, 93, 100, 133, 138}, Reason: "the engine ended before the answer"},
	{File: "kubernetes/helm", Index: []int{85, 112, 144, 159}, Reason: "the release was changed by Helm's own command, which is not at hand"},
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
