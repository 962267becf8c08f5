package talosapi

import (
	"context"
	"crypto/tls"
	stdx509 "crypto/x509"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/grpc-proxy/proxy"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"plinth.dev/lab/rig/internal/fault"
	"plinth.dev/lab/rig/internal/pki"
)

const apiPort = 50000

// front is the TLS side of a machine's API.
type front struct {
	node   *node
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu     sync.Mutex
	server *grpc.Server
	// issued is the serving certificate and the names it was issued for.
	issued *tls.Certificate
	names  pki.Names
}

// newFront listens before it returns, unless the machine cannot have a certificate yet.
func newFront(n *node) (*front, error) {
	ctx, cancel := context.WithCancel(n.session.Context())
	f := &front{node: n, cancel: cancel}

	if n.agent == nil {
		certificate, err := selfSigned(n.session.Spec.Address)
		if err != nil {
			cancel()

			return nil, err
		}

		f.issued = certificate
	}

	listener, err := f.listen()
	if err != nil {
		cancel()

		return nil, err
	}

	f.done.Go(func() { f.run(ctx, listener) })

	return f, nil
}

func (f *front) close() {
	f.cancel()
	f.stopServer(f.lastWords())
	f.done.Wait()
}

func (f *front) listening() bool {
	f.mu.Lock()
	defer f.mu.Unlock()

	return f.server != nil
}

// run serves whenever the machine can and may.
func (f *front) run(ctx context.Context, listener net.Listener) {
	session := f.node.session

	for ctx.Err() == nil {
		faults, changed := session.Faults.Changed(), session.Hub.Changed()

		if listener == nil {
			listener, _ = f.listen()
		}

		if listener != nil {
			f.serve(ctx, listener)
			listener = nil

			continue
		}

		select {
		case <-ctx.Done():
		case <-faults:
		case <-changed:
		case <-time.After(time.Second):
		}
	}

	if listener != nil {
		_ = listener.Close()
	}
}

// listen returns nil without an error while the machine does not listen.
func (f *front) listen() (net.Listener, error) {
	if f.node.session.Faults.Has(fault.Refuse) {
		return nil, nil
	}

	if f.node.agent != nil {
		// A worker gets its certificate from a control plane of its cluster, so it waits for one.
		if _, err := f.certificate(); err != nil {
			return nil, nil //nolint:nilerr // not an error: not yet
		}
	}

	return net.Listen("tcp", net.JoinHostPort(f.node.session.Spec.Address, strconv.Itoa(apiPort)))
}

// serve answers until the machine stops or the API is made to refuse.
func (f *front) serve(ctx context.Context, listener net.Listener) {
	server := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(f.tlsConfig())),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.ForceServerCodecV2(proxy.Codec()),
		grpc.UnknownServiceHandler(proxy.TransparentHandler(f.node.direct, proxy.WithStreamedDetector(streamed.MatchString))),
		grpc.SharedWriteBuffer(true),
	)

	f.mu.Lock()
	f.server = server
	f.mu.Unlock()
	f.node.session.Hub.Notify()

	var watching sync.WaitGroup

	served := make(chan struct{})

	watching.Go(func() {
		for {
			changed := f.node.session.Faults.Changed()

			if ctx.Err() != nil {
				f.stopServer(f.lastWords())

				return
			}

			if f.node.session.Faults.Has(fault.Refuse) {
				f.stopServer(0)

				return
			}

			select {
			case <-changed:
			case <-ctx.Done():
			case <-served:
				return
			}
		}
	})

	_ = server.Serve(listener)

	close(served)
	watching.Wait()
	f.stopServer(0)
}

// lastWords is how long a machine may go on answering what it was asked before. One that leaves maintenance because it
// was given its configuration says so first, as Talos does (internal/app/maintenance: the server is stopped gracefully).
// Who never hears it asks again, and a worker answers nobody until there is a control plane.
func (f *front) lastWords() time.Duration {
	if f.node.agent == nil {
		return 5 * time.Second
	}

	return 0
}

func (f *front) stopServer(patience time.Duration) {
	f.mu.Lock()
	server := f.server
	f.server = nil
	f.mu.Unlock()

	if server == nil {
		return
	}

	if patience > 0 {
		defer time.AfterFunc(patience, server.Stop).Stop()
		server.GracefulStop()
	}

	server.Stop()
}

// tlsConfig is asked at each connection, so that certificates follow the configuration.
func (f *front) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if err := f.waitHang(hello.Context()); err != nil {
				return nil, err
			}

			return f.connectionConfig()
		},
	}
}

func (f *front) waitHang(ctx context.Context) error {
	faults := f.node.session.Faults

	for {
		changed := faults.Changed()

		if !faults.Has(fault.Hang) {
			return nil
		}

		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-f.node.session.Context().Done():
			return net.ErrClosed
		}
	}
}

func (f *front) connectionConfig() (*tls.Config, error) {
	certificate, err := f.certificate()
	if err != nil {
		return nil, err
	}

	config := &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"}, Certificates: []tls.Certificate{*certificate}, Time: f.node.session.Now,
	}

	if f.node.agent == nil {
		return config, nil
	}

	security := f.node.session.Config().Machine().Security()

	config.ClientCAs = stdx509.NewCertPool()
	config.ClientCAs.AppendCertsFromPEM(security.IssuingCA().Crt)

	for _, ca := range security.AcceptedCAs() {
		config.ClientCAs.AppendCertsFromPEM(ca.Crt)
	}

	config.ClientAuth = tls.RequireAndVerifyClientCert

	return config, nil
}

// certificate is the serving certificate for the names the configuration asks for now.
func (f *front) certificate() (*tls.Certificate, error) {
	if f.node.agent == nil {
		return f.issued, nil
	}

	session := f.node.session
	machine := session.Config().Machine()
	names := append(pki.Names{session.Spec.Address, "127.0.0.1", session.Hostname()}, machine.Security().CertSANs()...).Normalised()

	f.mu.Lock()
	defer f.mu.Unlock()

	if f.issued != nil && slices.Equal(f.names, names) {
		return f.issued, nil
	}

	authority := machine.Security().IssuingCA()

	if authority == nil || len(authority.Key) == 0 {
		controlPlane := f.node.api.registry.Authority(session.ClusterID())
		if controlPlane == nil {
			return nil, fmt.Errorf("no control plane of the cluster is there to sign a certificate")
		}

		authority = controlPlane.Config().Machine().Security().IssuingCA()
	}

	pair, err := pki.Issue(authority, pki.Leaf{Name: session.Hostname(), Usage: pki.ServerAuth, Names: names})
	if err != nil {
		return nil, err
	}

	f.issued, f.names = pair.Certificate, names

	return f.issued, nil
}

// selfSigned is the certificate of a machine nobody has configured.
func selfSigned(address string) (*tls.Certificate, error) {
	ca, err := x509.NewSelfSignedCertificateAuthority(x509.Organization("talos"), x509.ECDSA(true))
	if err != nil {
		return nil, err
	}

	pair, err := pki.Issue(x509.NewCertificateAndKeyFromCertificateAuthority(ca), pki.Leaf{
		Name: "maintenance", Usage: pki.ServerAuth, Names: pki.Names{address},
	})
	if err != nil {
		return nil, err
	}

	return pair.Certificate, nil
}
