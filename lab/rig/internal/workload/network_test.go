package workload

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	serviceList = `{"kind":"ServiceList","apiVersion":"v1","items":[{"metadata":{"name":"hook","namespace":"shop"},
		"spec":{"clusterIP":"10.96.0.7","ports":[{"name":"https","port":443}]}}]}`
	noServices = `{"kind":"ServiceList","apiVersion":"v1","items":[]}`
	sliceList  = `{"kind":"EndpointSliceList","apiVersion":"discovery.k8s.io/v1","items":[{"metadata":{"name":"hook-1","namespace":"shop"},
		"addressType":"IPv4","ports":[{"name":"https","port":9443}],"endpoints":[
		{"addresses":["10.244.0.8"],"conditions":{"ready":false}},{"addresses":["10.244.0.9"],"conditions":{"ready":true}}]}]}`
)

// network is one with a single Service, whose first endpoint is not ready.
func network(t *testing.T) *Network {
	t.Helper()

	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		w.Header().Set("Content-Type", "application/json")

		switch {
		case strings.HasSuffix(request.URL.Path, "/endpointslices"):
			_, _ = io.WriteString(w, sliceList)
		case request.URL.Query().Get("fieldSelector") == "spec.clusterIP=10.96.0.7":
			_, _ = io.WriteString(w, serviceList)
		default:
			_, _ = io.WriteString(w, noServices)
		}
	}))
	t.Cleanup(api.Close)

	client, err := kubernetes.NewForConfig(&rest.Config{Host: api.URL})
	if err != nil {
		t.Fatal(err)
	}

	return newNetwork(client)
}

// answer serves a word on a port of a pod.
func answer(t *testing.T, n *Network, pod, word string) {
	t.Helper()

	socket, err := n.Listen(pod, 9443)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = socket.Close() })

	go func() {
		for {
			conn, err := socket.Accept()
			if err != nil {
				return
			}

			_, _ = io.WriteString(conn, word)
			_ = conn.Close()
		}
	}()
}

func hear(t *testing.T, conn net.Conn) string {
	t.Helper()

	word, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}

	return string(word)
}

func TestAServiceIsReachedThroughItsReadyEndpoint(t *testing.T) {
	n := network(t)
	answer(t, n, "10.244.0.8", "not ready")
	answer(t, n, "10.244.0.9", "ready")

	conn, err := n.Dial(t.Context(), "10.96.0.7:443")
	if err != nil {
		t.Fatal(err)
	}

	if word := hear(t, conn); word != "ready" {
		t.Errorf("got %q", word)
	}
}

func TestWhatCannotBeReached(t *testing.T) {
	n := network(t)

	for address, why := range map[string]string{
		"10.96.0.7:443": "connection refused", // nobody listens at the endpoint
		"10.96.0.7:80":  "connection refused",
		"10.96.0.8:443": "no route to host",
		"somewhere:443": "no such host",
	} {
		if _, err := n.Dial(t.Context(), address); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", address, err)
		}
	}

	answer(t, n, "10.244.0.9", "x")

	if _, err := n.Listen("10.244.0.9", 9443); err == nil {
		t.Error("a port is opened twice")
	}
}

func TestAClosedPortIsFreeAgain(t *testing.T) {
	n := network(t)

	socket, err := n.Listen("10.244.0.9", 9443)
	if err != nil {
		t.Fatal(err)
	}

	_ = socket.Close()

	if _, err = n.Dial(t.Context(), "10.244.0.9:9443"); err == nil {
		t.Error("a closed port accepts")
	}

	answer(t, n, "10.244.0.9", "again")
}

func TestTheProxyConnectsOrSaysWhyNot(t *testing.T) {
	n := network(t)
	answer(t, n, "10.244.0.9", "hello")

	path := filepath.Join(t.TempDir(), "s")

	socket, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})

	go func() {
		defer close(ended)

		ServeEgress(ctx, socket, n.Dial)
	}()

	for address, want := range map[string]string{"10.96.0.7:443": "200", "10.96.0.8:443": "502"} {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}

		_, _ = fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", address, address)
		reader := bufio.NewReader(conn)

		status, err := reader.ReadString('\n')
		if err != nil || !strings.Contains(status, want) {
			t.Fatalf("%s: %q %v", address, status, err)
		}

		if want == "200" {
			if rest, _ := io.ReadAll(reader); !strings.HasSuffix(string(rest), "hello") {
				t.Errorf("got %q", rest)
			}
		}

		_ = conn.Close()
	}

	cancel()
	<-ended
}
