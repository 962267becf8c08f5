package replay

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync/atomic"
	"testing"
)

var (
	// Loopback addresses of the recordings, moved to those this package may use.
	addresses = strings.NewReplacer("127.0.10.", "127.81.10.", "127.0.99.", "127.81.99.",
		"127.0.0.1:26443", clusterHost+":6443", "127.0.0.1:26444", clusterHost+":26444",
		"https://localhost:26443", "https://"+clusterHost+":6443/", "<kubeconfig>", "<dir>/work/kubeconfig-e")
	// folder is where recorded commands ran and recorded charts lay.
	folder = filepath.Join(os.TempDir(), fmt.Sprintf("standin-replay-%d", os.Getpid()))
	// The recorded credentials were blanked, so this run's take their place.
	authority  = regexp.MustCompile(`certificate-authority-data: (<|\\u003c)[a-z0-9-]+(>|\\u003e)`)
	clientData = regexp.MustCompile(`client-certificate-data: (<|\\u003c)[a-z0-9-]+(>|\\u003e), client-key-data: (<|\\u003c)[a-z0-9-]+(>|\\u003e)`)
)

// addKind: the engine's log leaves out enum zeroes, the other recordings do not.
var addKind = Normalisation{
	Path: regexp.MustCompile(`^detailedDiff\..*\.kind$`), Value: regexp.MustCompile(`^ADD$`), Ignore: true,
	Reason: "ADD is the zero of its enumeration, which JSON leaves out",
}

func ownAddresses(line string) string {
	line = strings.ReplaceAll(addresses.Replace(line), "<dir>", folder)
	line = authority.ReplaceAllString(line, "insecure-skip-tls-verify: true")
	return clientData.ReplaceAllString(line, "token: "+token)
}

var bridgedNormalisations = []Normalisation{
	{Value: regexp.MustCompile(`<[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*-[0-9]+>|PLACEHOLDER-`), Reason: "keys, tokens and hashes are random, and were blanked in the recording"},
	{Path: regexp.MustCompile(`kubeconfigRaw`), Reason: "the recorded text is another program's"},
	{Path: regexp.MustCompile(`machineConfigurationHash$`), Reason: "a digest over random keys"},
}

// check plays every recording of a plugin and fails on any difference, and when fewer calls than
// before could be replayed.
func (p *Player) check(t *testing.T, plugin string, least int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "testdata", "transcripts", plugin, "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings of %s: %v", plugin, err)
	}
	var total atomic.Int64
	t.Run("recordings", func(t *testing.T) {
		for _, file := range files {
			if only := os.Getenv("REPLAY_ONLY"); only != "" && !strings.Contains(file, only) {
				continue
			}
			t.Run(filepath.Base(file), func(t *testing.T) {
				t.Parallel() // the recordings share no namespace, and most of their time is waiting
				entries, err := Load(file, ownAddresses)
				if err != nil {
					t.Fatal(err)
				}
				report := p.Play(t.Context(), entries)
				total.Add(int64(report.Replayed))
				t.Logf("%d of %d calls replayed, %d differences%s", report.Replayed, len(entries), len(report.Failures), excepted(report))
				for _, failure := range report.Failures {
					t.Error(failure)
				}
			})
		}
	})
	t.Logf("%s: %d calls replayed in all", plugin, total.Load())
	if total.Load() < int64(least) {
		t.Errorf("%s: only %d calls were replayed; it used to be %d", plugin, total.Load(), least)
	}
}

func excepted(report *Report) string {
	var lines []string
	for reason, count := range report.Excepted {
		lines = append(lines, fmt.Sprintf("\n    %d not replayed: %s", count, reason))
	}
	sort.Strings(lines)
	return strings.Join(lines, "")
}
