package property

import (
	"fmt"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// Change is one path at which two values differ.
type Change struct {
	Path string
	Kind pulumirpc.PropertyDiff_Kind // ADD, DELETE or UPDATE
}

// Wire is the change as the engine wants it; replaces says that it needs a new resource.
func (c Change) Wire(replaces bool) *pulumirpc.PropertyDiff {
	kind := c.Kind
	if replaces {
		kind = map[pulumirpc.PropertyDiff_Kind]pulumirpc.PropertyDiff_Kind{
			pulumirpc.PropertyDiff_ADD:    pulumirpc.PropertyDiff_ADD_REPLACE,
			pulumirpc.PropertyDiff_DELETE: pulumirpc.PropertyDiff_DELETE_REPLACE,
			pulumirpc.PropertyDiff_UPDATE: pulumirpc.PropertyDiff_UPDATE_REPLACE,
		}[c.Kind]
	}
	return &pulumirpc.PropertyDiff{Kind: kind, InputDiff: c.Kind == pulumirpc.PropertyDiff_DELETE}
}

// Changes lists the differing paths in order, each as short as it can be: a whole object that appears
// is one change.
func Changes(olds, news Map) []Change { return changes("", olds, news) }

func changes(path string, olds, news any) []Change {
	oldMap, oldIsMap := olds.(Map)
	newMap, newIsMap := news.(Map)
	oldList, oldIsList := olds.([]any)
	newList, newIsList := news.([]any)
	switch {
	case Equal(olds, news):
		return nil
	case olds == nil:
		return []Change{{path, pulumirpc.PropertyDiff_ADD}}
	case news == nil:
		return []Change{{path, pulumirpc.PropertyDiff_DELETE}}
	case oldIsMap && newIsMap:
		var found []Change
		for _, key := range Keys(Union(oldMap, newMap)) {
			found = append(found, changes(dotted(path, key), oldMap[key], newMap[key])...)
		}
		return found
	case oldIsList && newIsList:
		var found []Change
		for i := range max(len(oldList), len(newList)) {
			found = append(found, changes(fmt.Sprintf("%s[%d]", path, i), at(oldList, i), at(newList, i))...)
		}
		return found
	default:
		return []Change{{path, pulumirpc.PropertyDiff_UPDATE}}
	}
}

// Union has the members of both; where both have one, that of b.
func Union(a, b Map) Map {
	all := Copy(a)
	for key, value := range b {
		all[key] = value
	}
	return all
}

func at(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

func dotted(path, key string) string {
	if strings.ContainsAny(key, ".[]\"") {
		return path + `["` + strings.ReplaceAll(key, `"`, `\"`) + `"]`
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
