package kubernetes

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/repo"

	"plinth.dev/lab/rig/internal/plugin/property"
)

// A chart from a repository is fetched by Helm itself, index and all.
func TestAChartComesFromARepository(t *testing.T) {
	t.Setenv("HELM_CACHE_HOME", t.TempDir())
	t.Setenv("HELM_CONFIG_HOME", t.TempDir())
	shelf := t.TempDir()
	chart, err := loader.Load(filepath.Join("..", "..", "..", "testdata", "charts", "demo"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chartutil.Save(chart, shelf); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.81.41.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.FileServer(http.Dir(shelf))}}
	server.Start()
	t.Cleanup(server.Close)
	index, err := repo.IndexDirectory(shelf, server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := index.WriteFile(filepath.Join(shelf, "index.yaml"), 0o644); err != nil {
		t.Fatal(err)
	}
	inputs := property.Map{"chart": "demo", "version": "0.1.0", "repositoryOpts": property.Map{"repo": server.URL}}
	path, err := locateChart(inputs)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	inputs["version"] = "9.9.9"
	if _, err := locateChart(inputs); err == nil {
		t.Error("a version the repository does not have was found")
	}
}

func TestValuesLieOverThoseOfFiles(t *testing.T) {
	news := property.Map{
		"valueYamlFiles": []any{
			property.Asset{Fields: property.Map{"text": "a: {b: 1, c: 2}\nd: file\n"}},
			property.Asset{Fields: property.Map{"text": "a: {c: 3}\n"}},
		},
		"values": property.Map{"d": "program", "e": property.Secret{Value: "s"}},
	}
	if err := mergeValueFiles(news); err != nil {
		t.Fatal(err)
	}
	wanted := property.Map{
		"a": property.Map{"b": 1.0, "c": 3.0}, "d": "program", "e": "s",
	}
	if !property.Equal(news["values"], wanted) || news["valueYamlFiles"] != nil {
		t.Errorf("merged to %v", news)
	}
	if _, secret := property.MapOf(news["values"])["e"].(property.Secret); !secret {
		t.Error("a secret value became plain")
	}
}
