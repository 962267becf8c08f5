// Package spec reads the file that describes a rack: which machines exist, what hardware they
// have and where the real programs are that they run. Everything else a machine does follows
// from the configuration it is given over its own API.
package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Rig is the whole file.
type Rig struct {
	// Dir holds everything the rig keeps; a later run on the same folder resumes.
	Dir string `json:"dir"`
	// Tools are the programs machines run.
	Tools Tools `json:"tools"`
	// Materials are folders and files that programs in pods need of the software they stand for, by program.
	Materials map[string]string `json:"materials,omitempty"`
	// BootSeconds is how long firmware and kernel take; the default is 1.
	BootSeconds float64   `json:"bootSeconds"`
	Machines    []Machine `json:"machines"`
}

// LinkName is the one link a machine has.
const LinkName = "eth0"

// Machine is the hardware of one machine and the system it was first started from.
type Machine struct {
	Name      string `json:"name"`
	Address   string `json:"address"`
	MAC       string `json:"mac"`
	UUID      string `json:"uuid"`
	Arch      string `json:"arch"`
	MemoryMiB uint64 `json:"memoryMiB"`
	Disks     []Disk `json:"disks"`
	// Talos is the version of the installation medium, for example v1.13.0.
	Talos string `json:"talos"`
	// Netboot is the URL of the script that the firmware loads before it looks at the disk; without one the machine
	// boots from its disk, or from an installation medium while that is empty.
	Netboot string `json:"netboot,omitempty"`
	// Powered says whether the machine is on when it is first seen.
	Powered *bool `json:"powered"`
}

// Disk is one block device.
type Disk struct {
	Name      string `json:"name"`
	SizeGiB   uint64 `json:"sizeGiB"`
	WWID      string `json:"wwid"`
	Serial    string `json:"serial"`
	Model     string `json:"model"`
	Transport string `json:"transport"`
}

var versionPattern = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

// Load reads and checks the file at path. Every problem is reported at once.
func Load(path string) (*Rig, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}

	return Parse(raw)
}

// Parse reads and checks the text of a rig file.
func Parse(raw []byte) (*Rig, error) {
	rig := &Rig{BootSeconds: 1}

	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()

	if err := decoder.Decode(rig); err != nil {
		return nil, fmt.Errorf("rig file: %w", err)
	}

	rig.fillDefaults()

	return rig, rig.check()
}

func (r *Rig) fillDefaults() {
	for i := range r.Machines {
		machine := &r.Machines[i]

		if machine.Arch == "" {
			machine.Arch = "amd64"
		}

		if machine.MemoryMiB == 0 {
			machine.MemoryMiB = 8192
		}

		if machine.Powered == nil {
			on := true
			machine.Powered = &on
		}

		if len(machine.Disks) == 0 {
			machine.Disks = []Disk{{
				Name: "/dev/sda", SizeGiB: 64, WWID: "naa." + strings.ReplaceAll(machine.MAC, ":", ""),
				Serial: machine.Name, Model: "SIM", Transport: "sata",
			}}
		}
	}
}

func (r *Rig) check() error {
	var problems []error

	complain := func(path, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
	}

	if !filepath.IsAbs(r.Dir) {
		complain("dir", "%q is not an absolute path", r.Dir)
	}

	if r.BootSeconds < 0 {
		complain("bootSeconds", "must not be negative")
	}

	for _, name := range Programs {
		if r.Tools[name] == nil {
			complain("tools."+name, "is missing; name the program to run")
		}
	}

	var names, addresses []string

	for i, machine := range r.Machines {
		at := fmt.Sprintf("machines[%d]", i)

		if machine.Name == "" || strings.ContainsAny(machine.Name, "/\\ ") || machine.Name[0] == '.' {
			complain(at+".name", "%q cannot name a folder", machine.Name)
		} else if slices.Contains(names, machine.Name) {
			complain(at+".name", "%q is used twice", machine.Name)
		}

		address, err := netip.ParseAddr(machine.Address)

		switch {
		case err != nil:
			complain(at+".address", "%q is not an IP address", machine.Address)
		case !address.IsLoopback():
			complain(at+".address", "%s is not a loopback address (take one from 127.0.0.0/8)", machine.Address)
		case slices.Contains(addresses, machine.Address):
			complain(at+".address", "%s is used twice", machine.Address)
		}

		if _, err = net.ParseMAC(machine.MAC); err != nil {
			complain(at+".mac", "%q is not a MAC address", machine.MAC)
		}

		if machine.UUID == "" {
			complain(at+".uuid", "is missing")
		}

		if !versionPattern.MatchString(machine.Talos) {
			complain(at+".talos", "%q is not a version (for example v1.13.0)", machine.Talos)
		}

		names = append(names, machine.Name)
		addresses = append(addresses, machine.Address)
	}

	return errors.Join(problems...)
}
