package command

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"plinth.dev/lab/rig/internal/plugin/property"
)

// pipeDelay bounds the wait for a command's grandchildren that keep its output open.
const pipeDelay = 5 * time.Second

// runInto runs one of a resource's commands and returns its state with the new outputs. A command that
// is not given leaves the outputs as they were, or empty.
func runInto(ctx context.Context, state property.Map, which string, seconds float64) (property.Map, error) {
	out := property.Copy(state)
	command := property.String(state, which)
	if command == "" {
		if out["stdout"] == nil {
			out["stdout"], out["stderr"] = "", ""
		}
		return out, nil
	}
	if seconds > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(seconds*float64(time.Second)))
		defer cancel()
	}
	execute := run
	if state["connection"] != nil {
		execute = runRemote
	}
	stdout, stderr, err := execute(ctx, state, command)
	if err != nil {
		return nil, status.Error(codes.Unknown, err.Error())
	}
	out["stdout"], out["stderr"] = stdout, stderr
	return out, nil
}

func run(ctx context.Context, state property.Map, command string) (string, string, error) {
	interpreter := property.Strings(state, "interpreter")
	if len(interpreter) == 0 {
		interpreter = []string{"/bin/sh", "-c"}
	}
	process := exec.CommandContext(ctx, interpreter[0], append(interpreter[1:], command)...)
	process.Dir = property.String(state, "dir")
	process.Env = environment(state)
	process.Stdin = strings.NewReader(property.String(state, "stdin"))
	process.WaitDelay = pipeDelay
	// The whole group goes, so that nothing a command started outlives its time or this plugin.
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	process.Cancel = func() error { return syscall.Kill(-process.Process.Pid, syscall.SIGKILL) }
	var stdout, stderr bytes.Buffer
	var both transcript
	process.Stdout = io.MultiWriter(&stdout, &both)
	process.Stderr = io.MultiWriter(&stderr, &both)
	if err := process.Run(); err != nil {
		return "", "", fmt.Errorf("%w: running %q:\n%s", err, command, both.String())
	}
	return strings.TrimSuffix(stdout.String(), "\n"), strings.TrimSuffix(stderr.String(), "\n"), nil
}

// transcript is what a command printed on both streams, which are read side by side.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

// String is called once the command has ended.
func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

func environment(state property.Map) []string {
	env := os.Environ()
	for _, key := range property.Keys(property.Object(state, "environment")) {
		env = append(env, key+"="+property.String(property.Object(state, "environment"), key))
	}
	if wanted, given := property.Plain(state["addPreviousOutputInEnv"]).(bool); given && !wanted {
		return env
	}
	for variable, output := range map[string]string{"PULUMI_COMMAND_STDOUT": "stdout", "PULUMI_COMMAND_STDERR": "stderr"} {
		if text, ok := property.Plain(state[output]).(string); ok {
			env = append(env, variable+"="+text)
		}
	}
	return env
}
