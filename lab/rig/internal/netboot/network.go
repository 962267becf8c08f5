package netboot

import (
	"fmt"
	"strings"
)

// CheckNetwork says why a machine of one link would not be found where it is, by what its kernel was told of the
// network: ip=<client>:<server>:<gateway>:<mask>:<host>:<device>:<how>:<dns>:<dns>:<ntp>.
func (r Result) CheckNetwork(address, mac, link string) error {
	for _, name := range []string{"bond", "vlan"} {
		if value, given := r.Arg(name); given {
			return fmt.Errorf("%s=%s: not implemented", name, value)
		}
	}

	told, given := r.Arg("ip")
	if !given {
		return nil
	}

	// An IPv6 address would be in brackets, with colons of its own.
	if strings.Contains(told, "[") {
		return fmt.Errorf("ip=%s: not implemented", told)
	}

	parts := strings.Split(told, ":")
	part := func(index int) string {
		if index < len(parts) {
			return parts[index]
		}

		return ""
	}

	if len(parts) == 1 {
		if told == "dhcp" || told == "on" || told == "any" {
			return nil
		}

		return fmt.Errorf("ip=%s: not implemented", told)
	}

	if device := part(5); device != "" && device != link && device != "enx"+strings.ReplaceAll(mac, ":", "") {
		return fmt.Errorf("ip=%s: there is no link %s", told, device)
	}

	switch how := part(6); {
	case how == "dhcp":
		return nil
	case how != "off" && how != "none" && how != "":
		return fmt.Errorf("ip=%s: %s is not implemented", told, how)
	case part(0) != address:
		return fmt.Errorf("ip=%s: nobody finds this machine there, it is %s", told, address)
	case part(3) == "":
		return fmt.Errorf("ip=%s: an address without a mask", told)
	}

	return nil
}
