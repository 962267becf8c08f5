// Package netboot is the firmware of a simulated machine that boots over the network: it loads a script over HTTP and
// interprets it as iPXE does. A command it does not know fails the boot, as a mistake in a script would on hardware.
package netboot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	maxScript = 64 << 10
	maxImage  = 1 << 30
	maxChain  = 16
	patience  = 30 * time.Second
)

// Kind is what a boot over the network ended with.
type Kind int

// The kinds.
const (
	// Disk hands over to the next boot device, which is the disk.
	Disk Kind = iota
	// Image boots a kernel that came over the network.
	Image
)

// Result is what the script decided.
type Result struct {
	Kind Kind
	// Kernel is the URL the kernel came from.
	Kernel string
	// Args are the kernel's arguments.
	Args []string
}

// Arg is the value of a kernel argument, and whether it was given.
func (r Result) Arg(name string) (string, bool) {
	for _, arg := range slices.Backward(r.Args) {
		key, value, _ := strings.Cut(arg, "=")
		if key == name {
			return value, true
		}
	}

	return "", false
}

// Firmware is who the machine says it is.
type Firmware struct {
	MAC, UUID, Arch string
	// HasDisk says whether sanboot finds something to boot.
	HasDisk bool
	Log     func(format string, args ...any)
}

// errExit ends a script and hands over to the next boot device.
var errExit = errors.New("exit")

type interpreter struct {
	Firmware

	client    *http.Client
	variables map[string]string
	depth     int
	result    Result
	hasInitrd bool
	booted    bool
}

// Boot loads the script at address and does what it says. An error is a boot that failed: the firmware goes on with
// its next device.
func Boot(ctx context.Context, firmware Firmware, address string) (Result, error) {
	arch := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[firmware.Arch]
	transport := &http.Transport{DisableKeepAlives: true}
	m := &interpreter{
		Firmware: firmware,
		client:   &http.Client{Timeout: patience, Transport: transport},
		variables: map[string]string{
			"net0/mac": firmware.MAC, "netX/mac": firmware.MAC, "mac": firmware.MAC, "uuid": firmware.UUID, "buildarch": arch,
		},
	}

	err := m.chain(ctx, address)

	switch {
	case m.booted:
		return m.result, nil
	case err == nil || errors.Is(err, errExit):
		return Result{Kind: Disk}, nil
	default:
		return Result{Kind: Disk}, err
	}
}

func (m *interpreter) chain(ctx context.Context, address string) error {
	if m.depth++; m.depth > maxChain {
		return errors.New("scripts chain without end")
	}

	script, err := m.fetch(ctx, address, maxScript)
	if err != nil {
		return err
	}

	lines := strings.Split(string(script), "\n")
	if strings.TrimSpace(lines[0]) != "#!ipxe" {
		return fmt.Errorf("%s: Exec format error", address)
	}

	for _, line := range lines[1:] {
		if err = m.line(ctx, line); err != nil || m.booted {
			return err
		}
	}

	return nil
}

// line runs commands joined by || and &&.
func (m *interpreter) line(ctx context.Context, text string) error {
	words := strings.Fields(text)
	if len(words) == 0 || strings.HasPrefix(words[0], "#") {
		return nil
	}

	var err error

	for skip := false; len(words) > 0; {
		end := slices.IndexFunc(words, func(word string) bool { return word == "||" || word == "&&" })
		command, rest, operator := words, []string(nil), ""

		if end >= 0 {
			command, rest, operator = words[:end], words[end+1:], words[end]
		}

		if !skip {
			if err = m.run(ctx, command); m.booted || errors.Is(err, errExit) {
				return err
			}

			if err != nil {
				m.Log("%s: %v", strings.Join(command, " "), err)
			}
		}

		skip = (operator == "||" && err == nil) || (operator == "&&" && err != nil)
		words = rest
	}

	return err
}

func (m *interpreter) run(ctx context.Context, words []string) error {
	for i, word := range words {
		words[i] = m.expand(word)
	}

	name, args := words[0], words[1:]

	switch name {
	case "chain":
		address, err := argument(args, "--autofree", "--replace")
		if err != nil {
			return err
		}

		return m.chain(ctx, address)
	case "kernel":
		return m.kernel(ctx, args)
	case "initrd":
		address, err := argument(flagless(args, "--name"))
		if err != nil {
			return err
		}

		_, err = m.fetch(ctx, address, maxImage)
		m.hasInitrd = err == nil

		return err
	case "boot":
		if m.result.Kernel == "" || !m.hasInitrd {
			return errors.New("no image to boot")
		}

		m.result.Kind, m.booted = Image, true

		return nil
	case "exit":
		return errExit
	case "sanboot":
		if !m.HasDisk {
			return errors.New("could not boot from SAN device: no such device")
		}

		return errExit
	case "imgfree":
		m.result, m.hasInitrd = Result{}, false

		return nil
	case "set":
		if len(args) == 0 {
			return errors.New("usage: set <setting> <value>")
		}

		m.variables[args[0]] = strings.Join(args[1:], " ")

		return nil
	case "echo":
		m.Log("%s", strings.Join(args, " "))

		return nil
	default:
		return fmt.Errorf("%s: command not found", name)
	}
}

func (m *interpreter) kernel(ctx context.Context, args []string) error {
	args = flagless(args, "--name")
	if len(args) == 0 {
		return errors.New("usage: kernel <uri> [arguments]")
	}

	if _, err := m.fetch(ctx, args[0], maxImage); err != nil {
		return err
	}

	m.result.Kernel, m.result.Args = args[0], slices.Clone(args[1:])

	return nil
}

// flagless removes a flag and its value.
func flagless(args []string, flag string) []string {
	if at := slices.Index(args, flag); at >= 0 && at+1 < len(args) {
		return slices.Concat(args[:at], args[at+2:])
	}

	return args
}

// argument is the one that is no flag.
func argument(args []string, flags ...string) (string, error) {
	left := slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return slices.Contains(flags, arg) })
	if len(left) != 1 || strings.HasPrefix(left[0], "-") {
		return "", fmt.Errorf("unrecognised arguments %q", left)
	}

	return left[0], nil
}

var variable = regexp.MustCompile(`\$\{([^}:]+)(?::([a-z]+))?\}`)

// expand replaces variables; one that is not set is empty, as in iPXE.
func (m *interpreter) expand(word string) string {
	return variable.ReplaceAllStringFunc(word, func(text string) string {
		parts := variable.FindStringSubmatch(text)
		value := m.variables[parts[1]]

		switch parts[2] {
		case "hexhyp":
			return strings.ReplaceAll(value, ":", "-")
		case "uristring":
			return url.QueryEscape(value)
		default:
			return value
		}
	})
}

// fetch reads the whole of it, as hardware would have to.
func (m *interpreter) fetch(ctx context.Context, address string, most int64) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}

	response, err := m.client.Do(request)
	if err != nil {
		return nil, err
	}

	defer response.Body.Close() //nolint:errcheck // it was read

	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: HTTP %d", address, response.StatusCode)
	}

	if most > maxScript {
		_, err = io.Copy(io.Discard, io.LimitReader(response.Body, most))

		return nil, err
	}

	return io.ReadAll(io.LimitReader(response.Body, most))
}
