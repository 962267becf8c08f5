package process

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()

	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if check() {
			return
		}
	}

	t.Fatalf("never: %s", what)
}

func shell(script string) *Command { return &Command{Path: "/bin/sh", Args: []string{"-c", script}} }

func alive(pid int) bool { return pid > 0 && syscall.Kill(pid, 0) == nil }

func TestUnitKeepsItsProgramRunning(t *testing.T) {
	u := NewUnit("sleeper", filepath.Join(t.TempDir(), "log"), nil)
	defer u.Close()

	u.Want(shell("echo started; exec sleep 60"))
	eventually(t, "running", func() bool { return u.State().Running })

	first := u.State().PID

	u.Want(shell("echo started; exec sleep 60"))

	if u.State().PID != first {
		t.Error("an equal command restarts the program")
	}

	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}

	eventually(t, "restarted", func() bool { return u.State().Running && u.State().PID != first })

	second := u.State().PID
	changed := shell("echo started; exec sleep 60")
	changed.Inputs = "other"
	u.Want(changed)
	eventually(t, "replaced", func() bool { return u.State().Running && u.State().PID != second })

	if alive(second) {
		t.Error("the replaced program is still there")
	}

	raw, err := os.ReadFile(u.LogPath())
	if err != nil || strings.Count(string(raw), "started") != 3 {
		t.Errorf("log %q %v", raw, err)
	}
}

func TestUnitStopsWithEverythingItStarted(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	u := NewUnit("parent", filepath.Join(t.TempDir(), "log"), nil)

	u.Want(shell("sleep 60 & echo $! > " + pidFile + "; wait"))

	child := 0

	eventually(t, "child started", func() bool {
		raw, _ := os.ReadFile(pidFile)
		child, _ = strconv.Atoi(strings.TrimSpace(string(raw)))

		return child > 0
	})

	u.Close()
	eventually(t, "child gone", func() bool { return !alive(child) })
}

func TestUnitTellsWhyAProgramFails(t *testing.T) {
	u := NewUnit("missing", filepath.Join(t.TempDir(), "log"), nil)
	defer u.Close()

	u.Want(&Command{Path: "/nonexistent/program"})
	eventually(t, "failure", func() bool { return strings.Contains(u.State().Failure, "cannot start missing") })

	u.Want(shell("exit 3"))
	eventually(t, "exit status", func() bool { return strings.Contains(u.State().Failure, "exit status 3") })
	u.Want(nil)
}

func TestFrozenUnitContinues(t *testing.T) {
	u := NewUnit("sleeper", filepath.Join(t.TempDir(), "log"), nil)
	defer u.Close()

	u.Want(shell("exec sleep 60"))
	eventually(t, "running", func() bool { return u.State().Running })

	stopped := func() bool {
		raw, _ := os.ReadFile("/proc/" + strconv.Itoa(u.State().PID) + "/stat")

		return strings.Contains(string(raw), ") T ")
	}

	u.Freeze(true)
	eventually(t, "stopped", stopped)
	u.Freeze(false)
	eventually(t, "continued", func() bool { return !stopped() })
}
