package replay

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	reachable   = "write the kubeconfig of a cluster that is there"
	unreachable = "write the kubeconfig of a cluster that is not there"
	there       = "the same for the recording of errors"
	gone        = "likewise"
)

// interventions are the commands given by hand, or by another program, before a step ("file step") or
// before one call ("file#index") of a recording.
var interventions = map[string][]string{
	"kubernetes/await-failure 10-destroy--finalizer-removed": {
		`patch configmap fin -n aw-demo --type=merge -p {"metadata":{"finalizers":null}}`},
	"kubernetes/configmap 08-refresh--after-drift": {
		`patch configmap named -n cm-demo --type=merge -p {"data":{"a":"drift","z":"added"},"metadata":{"labels":{"other":"x"}}}`},
	"kubernetes/configmap 11-refresh--after-out-of-band-delete": {"delete configmap mutable -n cm-demo"},
	"kubernetes/conflict 02-preview-b-conflict": {
		"apply cm con-demo"},
	"kubernetes/conflict 15-up-h-already-exists": {
		"create configmap exists -n con-demo --from-literal=a=b", "create configmap exists2 -n con-demo --from-literal=a=b"},
	"kubernetes/crd 09-refresh--drift":    {`patch widget one -n crd-demo --type=merge -p {"spec":{"size":9}}`},
	"kubernetes/crd 11-refresh--crd-gone": {"delete customresourcedefinition widgets.demo.example.com"},
	"kubernetes/csa 06-refresh--drift":    {`patch configmap cm -n csa-demo --type=merge -p {"data":{"a":"drift"}}`},
	"kubernetes/deployment 06-refresh--scaled": {
		"scale deployment web -n dep-demo --replicas=3", "rollout status deployment web -n dep-demo --timeout=20s"},
	"kubernetes/errors-with-details#0": {there, "create namespace det-demo",
		"create configmap exists -n det-demo --from-literal=a=z"},
	"kubernetes/errors-with-details#15": {
		"apply conf det-demo"},
	"kubernetes/errors-with-details#53": {gone},
	"kubernetes/errors-with-details#23": {
		`patch configmap exists -n det-demo --type=merge -p {"metadata":{"finalizers":["example.com/hold"]}}`},
	"kubernetes/get 01-preview-a":                            {"create namespace get-demo", "create configmap imp -n get-demo --from-literal=a=b"},
	"kubernetes/namespace 05-refresh--deleted-out-of-band":   {"delete namespace ns-demo"},
	"kubernetes/namespace 07-up-a-gone-without-refresh-noop": {"delete namespace ns-demo"},
	"kubernetes/rbac 07-refresh--deleted":                    {"delete clusterrolebinding rb-demo"},
	"kubernetes/secret 06-refresh--after-drift": {
		`patch secret mut -n sec-demo --type=merge -p {"data":{"a":"ZHJpZnQ="}}`},
	"kubernetes/yaml2 06-refresh--drift": {"delete configmap cm -n y2-demo"},

	"kubernetes/unreachable 01-preview-a-unreachable-first":            {unreachable},
	"kubernetes/unreachable 03-up-a-reachable":                         {reachable},
	"kubernetes/unreachable 04-preview-a-noop-unreachable":             {unreachable},
	"kubernetes/unreachable 09-up-c-deleteUnreachable-set":             {reachable},
	"kubernetes/unreachable 10-refresh--unreachable-deleteUnreachable": {unreachable},
	"kubernetes/unreachable 11-up-c-reachable-again":                   {reachable, "delete namespace unr-demo"},
	"kubernetes/unreachable 13-up-e-skipUpdateUnreachable":             {unreachable},
	"kubernetes/unreachable 16-up-c-clean":                             {reachable, "delete namespace unr-demo"},
}

func (c *liveCluster) intervene(e *Entry, first bool) error {
	commands := interventions[e.Name()]
	if first {
		commands = append(commands, interventions[e.File+" "+e.Step]...)
	}
	for _, command := range commands {
		if err := c.command(command); err != nil {
			return err
		}
	}
	return nil
}

func (c *liveCluster) command(command string) error {
	switch command {
	case there:
		return c.writeKubeconfig("work/kubeconfig-e", "6443")
	case gone:
		return c.writeKubeconfig("work/kubeconfig-e", "26444")
	case reachable:
		return c.writeKubeconfig("work/kubeconfig-u", "6443")
	case unreachable:
		return c.writeKubeconfig("work/kubeconfig-u", "26444")
	}
	kubectl := exec.Command(filepath.Join(os.Getenv(toolsVariable), "kubectl"), strings.Fields(command)...)
	if words := strings.Fields(command); words[0] == "apply" { // another manager takes the field "a" over
		kubectl = exec.Command(kubectl.Path, "apply", "--server-side", "--force-conflicts", "--field-manager=other", "-f", "-")
		kubectl.Stdin = strings.NewReader(fmt.Sprintf(
			"{apiVersion: v1, kind: ConfigMap, metadata: {name: %s, namespace: %s}, data: {a: other}}", words[1], words[2]))
	}
	kubectl.Env = append(os.Environ(), "KUBECONFIG="+c.path)
	if out, err := kubectl.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %s: %w: %s", command, err, out)
	}
	return nil
}

// writeKubeconfig puts a kubeconfig where a recording has its path.
func (c *liveCluster) writeKubeconfig(name, port string) error {
	path := filepath.Join(folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.ReplaceAll(c.kubeconfig, ":6443", ":"+port)), 0o600)
}

// secondProvider are resources of a program's second provider, by recording and name.
var secondProvider = map[string]string{
	"kubernetes/configmap mutable": "m", "kubernetes/configmap mutableauto": "m", "kubernetes/configmap skip": "m", "kubernetes/secret mut": "m",
	"kubernetes/conflict exists2": "csa", "kubernetes/provider cmq": "q",
}

// providerOf is the provider resource a call is about.
func providerOf(e *Entry) string {
	name, _ := e.Request["name"].(string)
	if strings.HasPrefix(e.Type(), "pulumi:providers:") {
		return name
	}
	if second := secondProvider[e.File+" "+name]; second != "" {
		return second
	}
	return firstProvider
}

// firstProvider is the name the recorded programs give their only or first provider.
const firstProvider = "p"
