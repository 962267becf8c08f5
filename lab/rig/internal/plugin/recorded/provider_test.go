package recorded

import (
	"slices"
	"strings"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	values "plinth.dev/lab/rig/internal/plugin/property"
)

const (
	vm    = "urn:pulumi:s::p::proxmoxve:index/vmLegacy:VmLegacy::vm"
	cloud = "urn:pulumi:s::p::hcloud:index/server:Server::server"
)

func machine(change values.Map) values.Map {
	return values.Union(values.Map{
		"nodeName": "pve1", "disks": []any{values.Map{"interface": "scsi0", "size": 64.0}}, "tags": []any{"plinth"},
	}, change)
}

func TestWhatAnSdkCannotSayIsRefusedByName(t *testing.T) {
	for mistake, inputs := range map[string]values.Map{
		"nodeName":        {"disks": []any{}},
		"disks[0].colour": machine(values.Map{"disks": []any{values.Map{"interface": "scsi0", "colour": "red"}}}),
		"disks[0].size":   machine(values.Map{"disks": []any{values.Map{"interface": "scsi0", "size": "64"}}}),
		"tags[0]":         machine(values.Map{"tags": []any{true}}),
		"cpu.cores":       machine(values.Map{"cpu": values.Map{"cores": "two"}}),
	} {
		answer, err := New("proxmoxve").Check(t.Context(), &pulumirpc.CheckRequest{Urn: vm, News: values.ToStruct(inputs)})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(answer.GetFailures(), func(f *pulumirpc.CheckFailure) bool { return f.GetProperty() == mistake }) {
			t.Errorf("%s passes: %v", mistake, answer.GetFailures())
		}
	}
	answer, err := New("proxmoxve").Check(t.Context(), &pulumirpc.CheckRequest{Urn: vm, News: values.ToStruct(machine(nil))})
	if err != nil || len(answer.GetFailures()) > 0 {
		t.Errorf("a sound machine is refused: %v, %v", answer, err)
	}
}

func TestOptionsAreThoseOfTheSdk(t *testing.T) {
	config := values.ToStruct(values.Map{"endpoint": "https://pve1:8006", "apiToken": "t", "colour": "red"})
	answer, err := New("proxmoxve").CheckConfig(t.Context(), &pulumirpc.CheckRequest{News: config})
	if err != nil || len(answer.GetFailures()) != 1 || !strings.Contains(answer.GetFailures()[0].GetReason(), "colour") {
		t.Errorf("the configuration: %v, %v", answer, err)
	}
}

func TestAChangeReplacesOnlyWhereTheVendorSaysSo(t *testing.T) {
	diff := func(change values.Map) *pulumirpc.DiffResponse {
		request := &pulumirpc.DiffRequest{Urn: vm, Olds: values.ToStruct(machine(nil)), News: values.ToStruct(machine(change))}
		answer, err := New("proxmoxve").Diff(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	if same := diff(nil); same.GetChanges() != pulumirpc.DiffResponse_DIFF_NONE {
		t.Errorf("no change is one: %v", same)
	}
	if moved := diff(values.Map{"nodeName": "pve2"}); !slices.Equal(moved.GetDiffs(), []string{"nodeName"}) || len(moved.GetReplaces()) > 0 {
		t.Errorf("a migration: %v", moved)
	}
	if other := diff(values.Map{"vmId": 200.0}); !slices.Equal(other.GetReplaces(), []string{"vmId"}) {
		t.Errorf("another id: %v", other)
	}
}

func TestWhatOnlyTheVendorKnowsIsUnknownUntilItIsMade(t *testing.T) {
	create := func(preview bool) (string, values.Map) {
		request := &pulumirpc.CreateRequest{Urn: cloud, Properties: values.ToStruct(values.Map{"serverType": "cx33"}), Preview: preview}
		answer, err := New("hcloud").Create(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		return answer.GetId(), values.FromStruct(answer.GetProperties())
	}
	_, planned := create(true)
	if _, unknown := planned["ipv4Address"].(values.Unknown); !unknown {
		t.Errorf("a preview knows the address: %v", planned)
	}
	id, made := create(false)
	if id == "" || made["ipv4Address"] != "127.0.0.1" || made["serverType"] != "cx33" {
		t.Errorf("made %q: %v", id, made)
	}
}
