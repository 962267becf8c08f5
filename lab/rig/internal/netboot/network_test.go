package netboot_test

import (
	"strings"
	"testing"

	"plinth.dev/lab/rig/internal/netboot"
)

func TestNetworkOfTheKernel(t *testing.T) {
	for args, fault := range map[string]string{
		"console=tty0": "",
		"ip=dhcp":      "",
		"ip=10.0.1.10::10.0.0.1:255.255.0.0::enx525400123456:off:10.0.0.1": "",
		"ip=:::::eth0:dhcp":                                 "",
		"ip=10.0.1.11::10.0.0.1:255.255.0.0::eth0:off":      "nobody finds this machine there",
		"ip=10.0.1.10::10.0.0.1:255.255.0.0::eno1:off":      "no link eno1",
		"ip=10.0.1.10::10.0.0.1:::eth0:off":                 "without a mask",
		"ip=[fd00::1]:::64::eth0:off":                       "not implemented",
		"ip=10.0.1.10::10.0.0.1:255.255.0.0::eth0:bootp":    "bootp is not implemented",
		"vlan=eth0.20:eth0 ip=:::::eth0.20:dhcp":            "vlan=eth0.20:eth0: not implemented",
		"bond=bond0:eth0,eth1:mode=802.3ad ip=:::::b0:dhcp": "bond=bond0:eth0,eth1:mode=802.3ad: not implemented",
	} {
		err := netboot.Result{Args: strings.Fields(args)}.CheckNetwork("10.0.1.10", "52:54:00:12:34:56", "eth0")
		if (fault == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), fault)) {
			t.Errorf("%s: %v", args, err)
		}
	}
}
