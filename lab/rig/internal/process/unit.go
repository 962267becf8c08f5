package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// State of a unit, as a service list shows it.
type State struct {
	Running bool
	// PID is 0 when nothing runs.
	PID int
	// Since is the time of the last change.
	Since time.Time
	// Failure is why the last run ended, when it was not wanted to end.
	Failure string
}

const (
	firstBackoff = 250 * time.Millisecond
	lastBackoff  = 5 * time.Second
)

// Unit keeps one program running as long as it is wanted.
type Unit struct {
	name     string
	logPath  string
	onChange func()

	mu     sync.Mutex
	wanted *Command
	frozen bool
	state  State
	cmd    *exec.Cmd
	wake   chan struct{}
	done   chan struct{}
	closed bool
}

// NewUnit starts the keeper of one program. onChange is called, without locks held, after each
// start and end. Close must be called.
func NewUnit(name, logPath string, onChange func()) *Unit {
	u := &Unit{
		name: name, logPath: logPath, onChange: onChange,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		state: State{Since: time.Now()},
	}

	go u.keep()

	return u
}

// Name of the unit.
func (u *Unit) Name() string { return u.name }

// LogPath is the file the program writes to.
func (u *Unit) LogPath() string { return u.logPath }

// State returns what runs now.
func (u *Unit) State() State {
	u.mu.Lock()
	defer u.mu.Unlock()

	return u.state
}

// Want sets what should run; nil means nothing. A different command replaces the running one.
func (u *Unit) Want(command *Command) {
	u.mu.Lock()

	if (command == nil) == (u.wanted == nil) && (command == nil || command.equal(u.wanted)) {
		u.mu.Unlock()

		return
	}

	u.wanted = command
	u.killLocked()
	u.mu.Unlock()
	u.nudge()
}

// Restart kills the running program; the keeper starts it again.
func (u *Unit) Restart() {
	u.mu.Lock()
	u.killLocked()
	u.mu.Unlock()
}

// Freeze stops the program's threads without ending it, or lets them go on.
func (u *Unit) Freeze(frozen bool) {
	u.mu.Lock()
	defer u.mu.Unlock()

	u.frozen = frozen

	if u.cmd != nil {
		signal := syscall.SIGCONT
		if frozen {
			signal = syscall.SIGSTOP
		}

		_ = syscall.Kill(-u.cmd.Process.Pid, signal)
	}
}

// Close kills the program and waits until it is gone.
func (u *Unit) Close() {
	u.mu.Lock()
	u.closed = true
	u.wanted = nil
	u.killLocked()
	u.mu.Unlock()
	u.nudge()
	<-u.done
}

func (u *Unit) killLocked() {
	if u.cmd != nil {
		_ = syscall.Kill(-u.cmd.Process.Pid, syscall.SIGKILL)
	}
}

func (u *Unit) nudge() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// keep is the only goroutine that starts and reaps.
func (u *Unit) keep() {
	defer close(u.done)

	backoff := firstBackoff

	for {
		u.mu.Lock()
		command, closed := u.wanted, u.closed
		u.mu.Unlock()

		if closed {
			return
		}

		if command == nil {
			<-u.wake

			continue
		}

		started := time.Now()
		failure := u.run(command)

		if time.Since(started) > lastBackoff {
			backoff = firstBackoff
		}

		u.mu.Lock()
		again := u.wanted == command
		u.mu.Unlock()

		if !again || failure == "" {
			backoff = firstBackoff

			continue
		}

		select {
		case <-u.wake:
		case <-time.After(backoff):
		}

		backoff = min(2*backoff, lastBackoff)
	}
}

// run starts the command and returns when it has ended, with the reason.
func (u *Unit) run(command *Command) string {
	cmd, err := u.begin(command)
	if err != nil {
		u.set(State{Since: time.Now(), Failure: err.Error()}, nil)

		return err.Error()
	}

	if cmd == nil {
		return ""
	}

	if u.onChange != nil {
		u.onChange()
	}

	failure := "exited"
	if err = cmd.Wait(); err != nil {
		failure = err.Error()
	}

	u.set(State{Since: time.Now(), Failure: failure}, nil)

	return failure
}

// begin starts the process unless it is no longer wanted, so that no kill can be missed.
func (u *Unit) begin(command *Command) (*exec.Cmd, error) {
	if err := os.MkdirAll(filepath.Dir(u.logPath), 0o700); err != nil {
		return nil, err
	}

	log, err := os.OpenFile(u.logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}

	defer log.Close() //nolint:errcheck // the child has its own handle

	u.mu.Lock()
	defer u.mu.Unlock()

	if u.wanted != command {
		return nil, nil
	}

	cmd, err := command.start(log)
	if err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", u.name, err)
	}

	u.cmd = cmd
	u.state = State{Running: true, PID: cmd.Process.Pid, Since: time.Now()}

	if u.frozen {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGSTOP)
	}

	return cmd, nil
}

func (u *Unit) set(state State, cmd *exec.Cmd) {
	u.mu.Lock()
	u.state = state
	u.cmd = cmd
	u.mu.Unlock()

	if u.onChange != nil {
		u.onChange()
	}
}

// Wanted is the command that should run; nil for none.
func (u *Unit) Wanted() *Command {
	u.mu.Lock()
	defer u.mu.Unlock()

	return u.wanted
}
