package kubernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/jsonpath"
)

// parseWaitFor reads the waitFor annotation: "condition=Type", "condition=Type=Status",
// "jsonpath={.path}", "jsonpath={.path}=value", or a JSON list of these, all of which must hold.
func parseWaitFor(annotation string) (readiness, error) {
	expressions := []string{annotation}
	if strings.HasPrefix(strings.TrimSpace(annotation), "[") {
		if err := json.Unmarshal([]byte(annotation), &expressions); err != nil {
			return nil, fmt.Errorf("annotation %s is no list of texts: %w", annotationWaitFor, err)
		}
	}
	var all []readiness
	for _, expression := range expressions {
		one, err := parseExpression(expression)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return func(ctx context.Context, c *cluster, live *unstructured.Unstructured) verdict {
		for i, check := range all {
			if !check(ctx, c, live).ready {
				return verdict{reasons: []string{"waiting for " + expressions[i]}}
			}
		}
		return verdict{ready: true}
	}, nil
}

func parseExpression(expression string) (readiness, error) {
	kind, rest, _ := strings.Cut(expression, "=")
	switch kind {
	case "condition":
		name, status, given := strings.Cut(rest, "=")
		if !given {
			status = "True"
		}
		return func(_ context.Context, _ *cluster, live *unstructured.Unstructured) verdict {
			now, _, _ := condition(live, name)
			return ready(strings.EqualFold(now, status))
		}, nil
	case "jsonpath":
		path, value, given := cutAfterBrace(rest)
		if path == "" {
			return nil, fmt.Errorf("annotation %s: %q is no path like {.status.phase}", annotationWaitFor, rest)
		}
		parsed := jsonpath.New(annotationWaitFor)
		if err := parsed.Parse(path); err != nil {
			return nil, fmt.Errorf("annotation %s: %w", annotationWaitFor, err)
		}
		return func(_ context.Context, _ *cluster, live *unstructured.Unstructured) verdict {
			var found bytes.Buffer
			if parsed.Execute(&found, live.Object) != nil {
				return verdict{}
			}
			return ready(!given || found.String() == value)
		}, nil
	default:
		return nil, fmt.Errorf("annotation %s: %q starts with neither condition= nor jsonpath=", annotationWaitFor, expression)
	}
}

func cutAfterBrace(expression string) (path, value string, given bool) {
	end := strings.LastIndex(expression, "}")
	path = expression[:end+1]
	value, given = strings.CutPrefix(expression[end+1:], "=")
	return path, value, given
}
