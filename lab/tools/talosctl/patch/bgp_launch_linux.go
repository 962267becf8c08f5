// Compiled in place of talosctl's file of this name. Launching a BGP fabric belongs to Talos' own
// test clusters on QEMU, which the lab does not use, and needs a netlink library that cannot be
// had from a module proxy.

package mgmt

import (
	"context"
	"errors"

	"github.com/osrg/gobgp/v4/pkg/server"
)

func fabricZebra(context.Context, *server.BgpServer, []string, string) error {
	return errors.New("this talosctl cannot launch a BGP fabric")
}
