package replay

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/api/storage"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// fakeMachine answers what a plugin asks while it applies, bootstraps and fetches a kubeconfig.
type fakeMachine struct {
	machine.UnimplementedMachineServiceServer
	storage.UnimplementedStorageServiceServer
	kubeconfig []byte
	refuses    bool // does not let itself be bootstrapped
}

func (*fakeMachine) Disks(context.Context, *emptypb.Empty) (*storage.DisksResponse, error) {
	return &storage.DisksResponse{}, nil
}

func (*fakeMachine) ApplyConfiguration(context.Context, *machine.ApplyConfigurationRequest) (*machine.ApplyConfigurationResponse, error) {
	return &machine.ApplyConfigurationResponse{Messages: []*machine.ApplyConfiguration{
		{Mode: machine.ApplyConfigurationRequest_NO_REBOOT},
	}}, nil
}

func (m *fakeMachine) Bootstrap(context.Context, *machine.BootstrapRequest) (*machine.BootstrapResponse, error) {
	if m.refuses {
		return nil, status.Error(codes.PermissionDenied, "not authorized")
	}
	return &machine.BootstrapResponse{Messages: []*machine.Bootstrap{{}}}, nil
}

func (m *fakeMachine) Kubeconfig(_ *emptypb.Empty, stream machine.MachineService_KubeconfigServer) error {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zip)
	if err := archive.WriteHeader(&tar.Header{Name: "kubeconfig", Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(m.kubeconfig))}); err != nil {
		return err
	}
	if _, err := archive.Write(m.kubeconfig); err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return err
	}
	if err := zip.Close(); err != nil {
		return err
	}
	return stream.Send(&common.Data{Bytes: packed.Bytes()})
}

// startMachine serves a fake machine on its own address until the test ends.
func startMachine(t *testing.T, address string, refuses bool) {
	t.Helper()
	certificate, key := selfSigned(t)
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.StdEncoding.EncodeToString
	fake := &fakeMachine{refuses: refuses, kubeconfig: fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters: [{name: ppt, cluster: {server: "https://127.81.10.100:6443", certificate-authority-data: %s}}]
users: [{name: admin, user: {client-certificate-data: %s, client-key-data: %s}}]
contexts: [{name: admin@ppt, context: {cluster: ppt, user: admin}}]
current-context: admin@ppt
`, encode(certificate), encode(certificate), encode(key))}
	listener, err := net.Listen("tcp", address+":50000")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}})))
	machine.RegisterMachineServiceServer(server, fake)
	storage.RegisterStorageServiceServer(server, fake)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
}

// selfSigned is a certificate that is good for a year, with its key.
func selfSigned(t *testing.T) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "fake machine"},
		NotBefore: time.Now(), NotAfter: time.Now().Add(365 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw})
}
