// Package command stands in for the command provider.
package command

import (
	"plinth.dev/lab/rig/internal/plugin/bridged"
	"plinth.dev/lab/rig/internal/plugin/host"
)

// New is the plugin, ready to be served.
func New() *bridged.Server { return &bridged.Server{Base: host.NewBase(), Name: "command"} }
