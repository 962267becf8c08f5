// Package process runs the real programs of a machine: children that die with the rig, are
// restarted when they fail, and are killed at once when their machine loses power.
package process

import (
	"os"
	"os/exec"
	"reflect"
	"syscall"
)

// Command is what should run. Two commands are the same run when all fields are equal.
type Command struct {
	Path string
	Args []string
	// Env is added to a minimal environment.
	Env []string
	// Inputs fingerprints the files the program reads at start; a change restarts it.
	Inputs string
}

func (c *Command) equal(other *Command) bool {
	return reflect.DeepEqual(c, other)
}

func (c *Command) start(log *os.File) (*exec.Cmd, error) {
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Env = append([]string{"PATH=/usr/bin:/bin", "HOME=/nonexistent"}, c.Env...)
	cmd.Stdout = log
	cmd.Stderr = log
	// A rig killed with SIGKILL must not leave etcd or an API server behind.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}

	return cmd, cmd.Start()
}
