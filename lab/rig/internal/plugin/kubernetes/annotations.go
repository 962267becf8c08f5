package kubernetes

import (
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The annotations by which a program steers the plugin.
const (
	annotationPrefix       = "pulumi.com/"
	annotationAutonamed    = annotationPrefix + "autonamed"
	annotationSkipAwait    = annotationPrefix + "skipAwait"
	annotationTimeout      = annotationPrefix + "timeoutSeconds"
	annotationForce        = annotationPrefix + "patchForce"
	annotationFieldManager = annotationPrefix + "patchFieldManager"
	annotationReplace      = annotationPrefix + "replaceUnready"
	annotationPropagation  = annotationPrefix + "deletionPropagationPolicy"
	annotationWaitFor      = annotationPrefix + "waitFor"
)

var knownAnnotations = map[string]bool{
	annotationAutonamed: true, annotationSkipAwait: true, annotationTimeout: true, annotationForce: true,
	annotationFieldManager: true, annotationReplace: true, annotationPropagation: true, annotationWaitFor: true,
}

// unknownAnnotations are orders to the plugin that it would not follow.
func unknownAnnotations(annotations map[string]string) []string {
	var unknown []string
	for key := range annotations {
		if strings.HasPrefix(key, annotationPrefix) && !knownAnnotations[key] {
			unknown = append(unknown, key)
		}
	}
	return unknown
}

func annotated(object *unstructured.Unstructured, annotation string) bool {
	return object.GetAnnotations()[annotation] == "true"
}

// waitLimit is how long to wait for an object: the annotation, then the program's own timeout in
// seconds, then the kind's default.
func waitLimit(object *unstructured.Unstructured, requested float64, byDefault time.Duration) time.Duration {
	if seconds, err := strconv.Atoi(object.GetAnnotations()[annotationTimeout]); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if requested > 0 {
		return time.Duration(requested * float64(time.Second))
	}
	return byDefault
}
