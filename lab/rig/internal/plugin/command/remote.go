package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"plinth.dev/lab/rig/internal/plugin/property"
)

// The official plugin's own limits, where a program sets none.
const (
	dialErrors  = 10
	dialTimeout = 15 * time.Second
	dialPause   = time.Second
)

// runRemote runs a command in the shell of another machine.
func runRemote(ctx context.Context, state property.Map, command string) (string, string, error) {
	client, err := dial(ctx, property.PlainMap(property.Object(state, "connection")))
	if err != nil {
		return "", "", err
	}
	defer client.Close()
	// A machine that no longer answers ends with its time, or with the engine.
	defer context.AfterFunc(ctx, func() { _ = client.Close() })()
	session, err := client.NewSession()
	if err != nil {
		return "", "", fmt.Errorf("no session: %w", err)
	}
	defer session.Close()
	for _, key := range property.Keys(property.Object(state, "environment")) {
		if err := session.Setenv(key, property.String(property.Object(state, "environment"), key)); err != nil {
			return "", "", fmt.Errorf("the server does not let %s be set: %w", key, err)
		}
	}
	session.Stdin = strings.NewReader(property.String(state, "stdin"))
	var stdout, stderr bytes.Buffer
	var both transcript
	session.Stdout = io.MultiWriter(&stdout, &both)
	session.Stderr = io.MultiWriter(&stderr, &both)
	if err := session.Run(command); err != nil {
		return "", "", fmt.Errorf("%w: running %q:\n%s", err, command, both.String())
	}
	return strings.TrimSuffix(stdout.String(), "\n"), strings.TrimSuffix(stderr.String(), "\n"), nil
}

// dial tries until the machine answers, as often as the program allows. A key that is refused is refused for good.
func dial(ctx context.Context, to property.Map) (*ssh.Client, error) {
	config, err := clientConfig(to)
	if err != nil {
		return nil, err
	}
	port := int(number(to, "port", 22))
	address := net.JoinHostPort(property.String(to, "host"), strconv.Itoa(port))
	limit := int(number(to, "dialErrorLimit", dialErrors))
	for failed := 1; ; failed++ {
		client, err := connect(ctx, address, config)
		if err == nil {
			return client, nil
		}
		if limit > 0 && failed >= limit || strings.Contains(err.Error(), "unable to authenticate") {
			return nil, fmt.Errorf("after %d failed attempts: %w", failed, err)
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		case <-time.After(dialPause):
		}
	}
}

func connect(ctx context.Context, address string, config *ssh.ClientConfig) (*ssh.Client, error) {
	dialer := net.Dialer{Timeout: config.Timeout}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(config.Timeout)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	channel, channels, requests, err := ssh.NewClientConn(conn, address, config)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return ssh.NewClient(channel, channels, requests), nil
}

func clientConfig(to property.Map) (*ssh.ClientConfig, error) {
	config := &ssh.ClientConfig{
		User:    property.String(to, "user"),
		Timeout: time.Duration(number(to, "perDialTimeout", dialTimeout.Seconds()) * float64(time.Second)),
		// As in the official plugin: who gives no host key takes any.
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), //nolint:gosec
	}
	if config.User == "" {
		config.User = "root"
	}
	if text := property.String(to, "hostKey"); text != "" {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("the host key is none: %w", err)
		}
		config.HostKeyCallback = ssh.FixedHostKey(key)
	}
	if text := property.String(to, "privateKey"); text != "" {
		signer, err := parseKey(text, property.String(to, "privateKeyPassword"))
		if err != nil {
			return nil, fmt.Errorf("the private key is none: %w", err)
		}
		config.Auth = append(config.Auth, ssh.PublicKeys(signer))
	}
	if password := property.String(to, "password"); password != "" {
		config.Auth = append(config.Auth, ssh.Password(password))
	}
	return config, nil
}

func parseKey(text, password string) (ssh.Signer, error) {
	if password != "" {
		return ssh.ParsePrivateKeyWithPassphrase([]byte(text), []byte(password))
	}
	return ssh.ParsePrivateKey([]byte(text))
}

func number(m property.Map, key string, unless float64) float64 {
	if value, given := property.Plain(m[key]).(float64); given {
		return value
	}
	return unless
}
