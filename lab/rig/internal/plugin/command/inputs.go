package command

import (
	"fmt"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"plinth.dev/lab/rig/internal/plugin/property"
)

// table says of each input of which type it is; refused inputs exist only in the official plugin.
type table struct{ types, refused map[string]string }

var (
	shared = map[string]string{
		"dir": "string", "environment": "object", "interpreter": "array", "stdin": "string",
		"addPreviousOutputInEnv": "bool", "logging": "string",
	}
	refused = map[string]string{
		"assetPaths":   "they come back from a refresh in a form that breaks the next run",
		"archivePaths": "they come back from a refresh in a form that breaks the next run",
	}
	commandInputs = table{with(shared, "create", "update", "delete"), refused}
	runInputs     = table{with(shared, "command"), refused}

	// On another machine neither a folder nor an interpreter is chosen.
	remoteInputs = table{without(with(shared, "create", "update", "delete"), "dir", "interpreter"), nil}
	connection   = table{map[string]string{
		"host": "string", "port": "float64", "user": "string", "password": "string", "privateKey": "string",
		"privateKeyPassword": "string", "hostKey": "string", "dialErrorLimit": "float64", "perDialTimeout": "float64",
	}, map[string]string{
		"agentSocketPath": "it uses no key that a program does not give it",
		"proxy":           "it goes through no other host",
	}}
)

func without(types map[string]string, keys ...string) map[string]string {
	for _, key := range keys {
		delete(types, key)
	}
	return types
}

// checkRemote validates the inputs of a command on another machine, its connection included.
func checkRemote(inputs property.Map) []*pulumirpc.CheckFailure {
	rest := property.Copy(inputs)
	delete(rest, "connection")
	failures := remoteInputs.check("remote.CommandInputs", rest)
	switch v := property.Plain(inputs["connection"]).(type) {
	case property.Unknown:
	case property.Map:
		failures = append(failures, connection.check("remote.Connection", v)...)
		if v["host"] == nil {
			failures = append(failures, &pulumirpc.CheckFailure{Property: "connection.host", Reason: "Missing required field 'host' on 'remote.Connection'"})
		}
	default:
		failures = append(failures, &pulumirpc.CheckFailure{Property: "connection", Reason: "Missing required field 'connection' on 'remote.CommandInputs'"})
	}
	return failures
}

func with(base map[string]string, commands ...string) map[string]string {
	out := map[string]string{}
	for key, kind := range base {
		out[key] = kind
	}
	for _, key := range commands {
		out[key] = "string"
	}
	if commands[0] == "create" {
		out["triggers"] = "array"
	}
	return out
}

func (t table) check(owner string, inputs property.Map) []*pulumirpc.CheckFailure {
	var failures []*pulumirpc.CheckFailure
	fail := func(key, format string, args ...any) {
		failures = append(failures, &pulumirpc.CheckFailure{Property: key, Reason: fmt.Sprintf(format, args...)})
	}
	for _, key := range property.Keys(inputs) {
		value := property.Plain(inputs[key])
		wanted, known := t.types[key]
		got := typeOf(value)
		switch why, no := t.refused[key]; {
		case no:
			fail(key, "the command stand-in does not implement %s: %s", key, why)
		case !known:
			fail(key, "Unrecognized field '%s' on '%s'", key, owner)
		case got != wanted && got != "":
			fail(key, "Field '%s' on '%s' must be a '%s'; got '%s' instead", key, owner, wanted, got)
		case key != "triggers" && !onlyTexts(value):
			fail(key, "every entry of '%s' on '%s' must be a text", key, owner)
		case key == "logging" && value != "none":
			fail(key, "the command stand-in shows no output while a command runs, so logging can only be \"none\"")
		}
	}
	return failures
}

// typeOf names a value's type the way the official messages do; "" fits everywhere.
func typeOf(value any) string {
	switch value.(type) {
	case string:
		return "string"
	case float64:
		return "float64"
	case bool:
		return "bool"
	case []any:
		return "array"
	case property.Map:
		return "object"
	default:
		return ""
	}
}

// onlyTexts tells whether a list or an object holds nothing but texts, which is all a process can be given.
func onlyTexts(value any) bool {
	var items []any
	switch v := value.(type) {
	case []any:
		items = v
	case property.Map:
		for _, item := range v {
			items = append(items, item)
		}
	}
	for _, item := range items {
		switch item.(type) {
		case string, property.Unknown:
		default:
			return false
		}
	}
	return true
}
