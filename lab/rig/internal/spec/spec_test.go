package spec

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const good = `{"dir": "/rack", "tools": {"etcd": "/e", "kube-apiserver": {"v1.36.3": "/a"}, "kube-controller-manager": "/c",
	"kube-scheduler": "/s", "kwok": "/k"},
	"machines": [{"name": "a", "address": "127.0.9.1", "mac": "52:54:00:00:00:01", "uuid": "u", "talos": "v1.13.0"}]}`

func TestDefaults(t *testing.T) {
	rig, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}

	machine := rig.Machines[0]
	if rig.BootSeconds != 1 || !*machine.Powered || machine.MemoryMiB != 8192 || machine.Arch != "amd64" || len(machine.Disks) != 1 {
		t.Errorf("defaults are missing: %+v %+v", rig, machine)
	}
}

func TestEveryProblemAtOnce(t *testing.T) {
	_, err := Parse([]byte(`{"dir": "rack", "bootSeconds": -1, "tools": {"etcd": "/e"}, "machines": [
		{"name": "a/b", "address": "10.0.0.1", "mac": "nope", "uuid": "", "talos": "1.13"},
		{"name": "c", "address": "127.0.0.2", "mac": "52:54:00:00:00:01", "uuid": "u", "talos": "v1.13.0"},
		{"name": "c", "address": "127.0.0.2", "mac": "52:54:00:00:00:02", "uuid": "u", "talos": "v1.13.0"}]}`))
	if err == nil {
		t.Fatal("accepted")
	}

	for _, want := range []string{
		"dir:", "bootSeconds:", "tools.kwok:", "machines[0].name:", "machines[0].address: 10.0.0.1 is not a loopback", "machines[0].mac:",
		"machines[0].uuid:", "machines[0].talos:", "machines[2].name:", "machines[2].address: 127.0.0.2 is used twice",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in\n%v", want, err)
		}
	}
}

func TestUnknownFieldsAreRefused(t *testing.T) {
	if _, err := Parse([]byte(strings.Replace(good, `"uuid"`, `"uid"`, 1))); err == nil || !strings.Contains(err.Error(), "uid") {
		t.Errorf("got %v", err)
	}
}

func TestToolsByVersion(t *testing.T) {
	rig, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}

	if path, err := rig.Tools.Find("etcd", "v3.9.9"); err != nil || path != "/e" {
		t.Errorf("a plain path serves every version: %s %v", path, err)
	}

	if path, err := rig.Tools.Find("kube-apiserver", "v1.36.3"); err != nil || path != "/a" {
		t.Errorf("%s %v", path, err)
	}

	if _, err = rig.Tools.Find("kube-apiserver", "v1.35.0"); err == nil || !strings.Contains(err.Error(), "only v1.36.3") {
		t.Errorf("a missing version says %v", err)
	}

	again, err := json.Marshal(rig.Tools)
	if err != nil || !strings.Contains(string(again), `"etcd":"/e"`) {
		t.Errorf("%s %v", again, err)
	}
}

func TestIdentifyAsksTheProgram(t *testing.T) {
	program := filepath.Join(t.TempDir(), "kube-apiserver")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho Kubernetes v1.36.3\n"), 0o700); err != nil {
		t.Fatal(err)
	}

	tools := Tools{"kube-apiserver": {"": program}, "etcd": {"": "/e"}}
	if err := tools.Identify(context.Background()); err != nil {
		t.Fatal(err)
	}

	if _, err := tools.Find("kube-apiserver", "v1.36.2"); err == nil {
		t.Error("another version is served by this program")
	}

	if path, err := tools.Find("kube-apiserver", "v1.36.3"); err != nil || path != program {
		t.Errorf("%s %v", path, err)
	}
}
