package talosapi

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"plinth.dev/lab/rig/internal/cluster"
)

const (
	chunk          = 64 << 10
	followInterval = 250 * time.Millisecond
)

type dataStream = grpc.ServerStreamingServer[common.Data]

// Read returns one of the few files a simulated machine has.
func (s *machineService) Read(request *machineapi.ReadRequest, stream dataStream) error {
	content := ""

	switch request.Path {
	case "/proc/sys/kernel/random/boot_id":
		content = s.session.BootID + "\n"
	case "/etc/os-release":
		content = "NAME=\"Talos\"\nID=talos\nVERSION_ID=" + s.session.System.Version + "\nPRETTY_NAME=\"Talos (" + s.session.System.Version + ")\"\n"
	case "/etc/hostname":
		content = s.session.Hostname() + "\n"
	default:
		return status.Errorf(codes.Unknown, "stat %s: no such file or directory", request.Path)
	}

	return stream.Send(&common.Data{Bytes: []byte(content)})
}

// Kubeconfig sends an archive with a fresh administrator's kubeconfig.
func (s *machineService) Kubeconfig(_ *emptypb.Empty, stream dataStream) error {
	if s.agent == nil {
		return errNotRunning
	}

	raw, err := cluster.AdminKubeconfig(s.session.Config())

	if errors.Is(err, cluster.ErrNotControlPlane) {
		return status.Error(codes.Unimplemented, err.Error())
	}

	if err != nil {
		return err
	}

	archive, err := tarball("kubeconfig", raw, s.session.Now())
	if err != nil {
		return err
	}

	return stream.Send(&common.Data{Bytes: archive})
}

func tarball(name string, content []byte, at time.Time) ([]byte, error) {
	var out bytes.Buffer

	zip := gzip.NewWriter(&out)
	archive := tar.NewWriter(zip)

	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), ModTime: at, Mode: 0o600}
	if err := archive.WriteHeader(header); err != nil {
		return nil, err
	}

	if _, err := archive.Write(content); err != nil {
		return nil, err
	}

	err := errors.Join(archive.Close(), zip.Close())

	return out.Bytes(), err
}

// Dmesg streams the machine's kernel log.
func (s *machineService) Dmesg(request *machineapi.DmesgRequest, stream dataStream) error {
	return s.sendLog(s.session.Log.Path(), request.Follow, request.Tail, -1, stream)
}

// Logs streams what a program of the machine has written.
func (s *machineService) Logs(request *machineapi.LogsRequest, stream dataStream) error {
	if request.Id == "machined" {
		return s.sendLog(s.session.Log.Path(), request.Follow, false, int(request.TailLines), stream)
	}

	if s.agent != nil {
		for _, unit := range s.agent.Units() {
			if unit.Name() == request.Id {
				return s.sendLog(unit.LogPath(), request.Follow, false, int(request.TailLines), stream)
			}
		}
	}

	return status.Errorf(codes.Unknown, "log %q was not registered", request.Id)
}

// sendLog sends a file, all of it or its last lines, and what is added while it follows.
func (s *machineService) sendLog(path string, follow, onlyNew bool, lines int, stream dataStream) error {
	file, err := os.Open(path)
	if err != nil {
		return status.Errorf(codes.Unknown, "log %q was not registered", path)
	}

	defer file.Close() //nolint:errcheck // read only

	if onlyNew {
		if _, err = file.Seek(0, io.SeekEnd); err != nil {
			return err
		}
	} else if lines >= 0 {
		if err = seekLines(file, lines); err != nil {
			return err
		}
	}

	buffer := make([]byte, chunk)

	for {
		read, err := file.Read(buffer)
		if read > 0 {
			if err := stream.Send(&common.Data{Bytes: buffer[:read]}); err != nil {
				return err
			}
		}

		switch {
		case err == nil:
			continue
		case !errors.Is(err, io.EOF):
			return err
		case !follow:
			return nil
		}

		select {
		case <-time.After(followInterval):
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-s.session.Context().Done():
			return errShuttingDown
		}
	}
}

// seekLines goes to where the last lines of a file begin.
func seekLines(file *os.File, lines int) error {
	content, err := io.ReadAll(file)
	if err != nil {
		return err
	}

	at := len(content)
	for ; lines >= 0 && at > 0; lines-- {
		at = bytes.LastIndexByte(content[:at], '\n')
	}

	_, err = file.Seek(int64(at+1), io.SeekStart)

	return err
}
