package kubernetes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"

	"helm.sh/helm/v3/pkg/chart/loader"
	"sigs.k8s.io/yaml"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"plinth.dev/lab/rig/internal/plugin/property"
)

const defaultReleaseTimeout = 300.0 // seconds

// releaseInputs are the inputs of a release and what they are when a program says nothing; nil means
// absent.
var releaseInputs = property.Map{
	"allowNullValues": false, "atomic": false, "cleanupOnFail": false, "createNamespace": false, "dependencyUpdate": false,
	"devel": false, "disableCRDHooks": false, "disableOpenapiValidation": false, "disableWebhooks": false, "forceUpdate": false,
	"lint": false, "recreatePods": false, "renderSubchartNotes": false, "replace": false, "resetValues": false,
	"reuseValues": false, "skipAwait": false, "skipCrds": false, "verify": false, "waitForJobs": false,
	"description": "", "keyring": "", "postrender": "", "version": "",
	"chart": nil, "name": nil, "namespace": nil, "timeout": nil, "values": nil, "maxHistory": nil, "repositoryOpts": nil,
}

var repositoryOptions = map[string]bool{
	"repo": true, "username": true, "password": true, "caFile": true, "certFile": true, "keyFile": true,
}

// onlyDefault are inputs that must stay as they are by default, since nothing here acts on them.
var onlyDefault = []string{"dependencyUpdate", "keyring", "lint", "postrender", "verify"}

func (p *Provider) checkRelease(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	o, _ := p.current()
	_, name := typeAndName(req.GetUrn())
	olds, news := property.FromStruct(req.GetOlds()), property.FromStruct(req.GetNews())
	response := &pulumirpc.CheckResponse{}
	fail := func(key, format string, args ...any) {
		response.Failures = append(response.Failures, &pulumirpc.CheckFailure{Property: key, Reason: fmt.Sprintf(format, args...)})
	}
	delete(news, "compat")
	if err := mergeValueFiles(news); err != nil {
		fail("valueYamlFiles", "%v", err)
	}
	for _, key := range property.Keys(news) {
		if _, known := releaseInputs[key]; !known {
			fail(key, "the kubernetes stand-in knows no input %q of a release", key)
		}
	}
	for key, value := range releaseInputs {
		if news[key] == nil && value != nil {
			news[key] = value
		}
	}
	for _, key := range onlyDefault {
		if !property.Equal(news[key], releaseInputs[key]) {
			fail(key, "the kubernetes stand-in does not implement %s", key)
		}
	}
	for _, key := range property.Keys(property.Object(news, "repositoryOpts")) {
		if !repositoryOptions[key] {
			fail("repositoryOpts", "the kubernetes stand-in knows no repository option %q", key)
		}
	}
	completeRelease(o, req, name, olds, news)
	if !property.HasUnknown(news["chart"]) {
		version, err := chartVersion(news)
		if err != nil {
			fail("chart", "%v; check the chart name and repository configuration.", err)
		} else {
			news["version"] = version
		}
	}
	response.Inputs = property.ToStruct(news)
	return response, nil
}

func completeRelease(o options, req *pulumirpc.CheckRequest, name string, olds, news property.Map) {
	if news["timeout"] == nil {
		news["timeout"] = defaultReleaseTimeout
		if property.Bool(news, "skipAwait") {
			news["timeout"] = 0.0
		}
	}
	if news["namespace"] == nil {
		news["namespace"] = o.namespace
	}
	if news["values"] == nil {
		news["values"] = property.Map{}
	}
	if news["name"] != nil {
		return
	}
	if news["name"] = olds["name"]; news["name"] == nil {
		digest := sha256.Sum256(req.GetRandomSeed())
		news["name"] = name + "-" + hex.EncodeToString(digest[:4])
	}
}

// mergeValueFiles lays the values over those in files, as Helm does with its -f.
func mergeValueFiles(news property.Map) error {
	files, _ := property.Plain(news["valueYamlFiles"]).([]any)
	delete(news, "valueYamlFiles")
	merged := property.Map{}
	for _, file := range files {
		asset, ok := file.(property.Asset)
		if !ok || asset.Archive {
			return fmt.Errorf("every entry must be a file")
		}
		text := property.String(asset.Fields, "text")
		if path := property.String(asset.Fields, "path"); path != "" {
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text = string(raw)
		}
		values := property.Map{}
		if err := yaml.Unmarshal([]byte(text), &values); err != nil {
			return err
		}
		merged = mergeValues(merged, values)
	}
	if len(files) > 0 {
		news["values"] = mergeValues(merged, property.MapOf(news["values"]))
	}
	return nil
}

func mergeValues(under, over property.Map) property.Map {
	out := property.Copy(under)
	for key, value := range over {
		below, belowIsMap := out[key].(property.Map)
		above, aboveIsMap := value.(property.Map)
		if belowIsMap && aboveIsMap {
			out[key] = mergeValues(below, above)
		} else {
			out[key] = value
		}
	}
	return out
}

// chartVersion is the version a chart on disk says it has, or the one asked of a repository.
func chartVersion(inputs property.Map) (string, error) {
	if property.String(property.Object(inputs, "repositoryOpts"), "repo") != "" || isRemote(property.String(inputs, "chart")) {
		return property.String(inputs, "version"), nil
	}
	path, err := locateChart(inputs)
	if err != nil {
		return "", err
	}
	chart, err := loader.Load(path)
	if err != nil {
		return "", err
	}
	return chart.Metadata.Version, nil
}
