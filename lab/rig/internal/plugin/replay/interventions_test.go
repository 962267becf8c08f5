package replay

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// interventions are the commands given by hand, or by another program, before a step of a recording.
var interventions = map[string][]string{
	"kubernetes/await-failure 10-destroy--finalizer-removed": {
		`patch configmap fin -n aw-demo --type=merge -p {"metadata":{"finalizers":null}}`},
	"kubernetes/namespace 05-refresh--deleted-out-of-band":   {"delete namespace ns-demo"},
	"kubernetes/namespace 07-up-a-gone-without-refresh-noop": {"delete namespace ns-demo"},
}

func (c *liveCluster) intervene(file, step string) error {
	for _, command := range interventions[file+" "+step] {
		kubectl := exec.Command(filepath.Join(os.Getenv(toolsVariable), "kubectl"), strings.Fields(command)...)
		kubectl.Env = append(os.Environ(), "KUBECONFIG="+c.path)
		if out, err := kubectl.CombinedOutput(); err != nil {
			return fmt.Errorf("kubectl %s: %w: %s", command, err, out)
		}
	}
	return nil
}
