package workload

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	powerDNSConfig  = "/etc/powerdns/pdns.conf"
	powerDNSZones   = "/config/zones.sh"
	powerDNSServer  = "/api/v1/servers/localhost"
	powerDNSAPIPort = 8081
	dnsTimeout      = 5 * time.Second
)

// powerDNS answers for its zones by DNS over TCP, and lets whoever has its key read and change them. The script of
// its init container is carried out as far as it calls pdnsutil. Records stay with the volume as long as the rig
// runs. UDP, transfers of zones and notifications are not there.
func powerDNS(ctx context.Context, pod *Pod) error {
	volume, err := pod.Volume(ctx, "/var/lib/powerdns")
	if err != nil {
		return err
	}

	zones, err := keepIn(pod, volume, func(string) (*zones, error) { return newZones(), nil })
	if err != nil {
		return err
	}

	if err = runZoneScript(ctx, pod, zones); err != nil {
		return err
	}

	config, found, err := pod.File(ctx, powerDNSConfig)
	if err != nil || !found {
		return errors.Join(err, fmt.Errorf("%s is not there", powerDNSConfig))
	}

	key, _, err := pod.Variable(ctx, "PDNS_AUTH_API_KEY")
	if err != nil {
		return err
	}

	var port int32
	if _, err = fmt.Sscanf(setting(string(config), "local-port"), "%d", &port); err != nil {
		return fmt.Errorf("local-port: %w", err)
	}

	socket, err := pod.Listen(port)
	if err != nil {
		return err
	}

	api := &powerDNSAPI{zones: zones, key: key}

	return together(ctx,
		func(ctx context.Context) error { return pod.serveHTTP(ctx, powerDNSAPIPort, api.handler()) },
		func(ctx context.Context) error {
			context.AfterFunc(ctx, func() { _ = socket.Close() })
			serveDNS(socket, zones)

			return ctx.Err()
		})
}

// setting is a line of the configuration.
func setting(config, name string) string {
	for line := range strings.Lines(config) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), name+"="); found {
			return value
		}
	}

	return ""
}

// runZoneScript does what the init container would; a line that it does not know ends it, as a shell would.
func runZoneScript(ctx context.Context, pod *Pod, zones *zones) error {
	for _, container := range pod.Spec.InitContainers {
		beside := *pod
		beside.Container = container

		script, found, err := beside.File(ctx, powerDNSZones)
		if err != nil || !found {
			return errors.Join(err, fmt.Errorf("%s of container %s is not there", powerDNSZones, container.Name))
		}

		for line := range strings.Lines(string(script)) {
			if err := zones.command(strings.TrimSpace(line)); err != nil {
				return fmt.Errorf("%s: %w", powerDNSZones, err)
			}
		}
	}

	return nil
}

// powerDNSAPI is the part of the API that reads zones and changes sets of records.
type powerDNSAPI struct {
	zones *zones
	key   string
}

func (a *powerDNSAPI) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+powerDNSServer, func(w http.ResponseWriter, _ *http.Request) {
		write(w, map[string]string{"type": "Server", "id": "localhost", "daemon_type": "authoritative", "url": powerDNSServer})
	})
	mux.HandleFunc("GET "+powerDNSServer+"/zones", func(w http.ResponseWriter, _ *http.Request) { write(w, a.zones.list()) })
	mux.HandleFunc("GET "+powerDNSServer+"/zones/{zone}", func(w http.ResponseWriter, request *http.Request) {
		zone, found := a.zones.show(request.PathValue("zone"))
		if !found {
			http.Error(w, `{"error":"Not Found"}`, http.StatusNotFound)

			return
		}

		write(w, zone)
	})
	mux.HandleFunc("PATCH "+powerDNSServer+"/zones/{zone}", func(w http.ResponseWriter, request *http.Request) {
		var change struct {
			RRsets []recordSet `json:"rrsets"`
		}
		if !read(w, request, &change) {
			return
		}

		if err := a.zones.change(request.PathValue("zone"), change.RRsets); err != nil {
			text, _ := json.Marshal(map[string]string{"error": err.Error()})
			http.Error(w, string(text), http.StatusUnprocessableEntity)

			return
		}

		w.WriteHeader(http.StatusNoContent)
	})

	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if a.key == "" || subtle.ConstantTimeCompare([]byte(request.Header.Get("X-API-Key")), []byte(a.key)) != 1 {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)

			return
		}

		mux.ServeHTTP(w, request)
	})
}

// serveDNS answers questions over TCP until the socket is closed.
func serveDNS(socket net.Listener, zones *zones) {
	for {
		conn, err := socket.Accept()
		if err != nil {
			return
		}

		go func() {
			defer conn.Close() //nolint:errcheck // the client may have closed it

			_ = conn.SetDeadline(time.Now().Add(dnsTimeout))

			var length [2]byte
			if _, err := io.ReadFull(conn, length[:]); err != nil {
				return
			}

			question := make([]byte, binary.BigEndian.Uint16(length[:]))
			if _, err := io.ReadFull(conn, question); err != nil {
				return
			}

			answer, err := answerDNS(question, zones)
			if err != nil {
				return
			}

			_, _ = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
		}()
	}
}

func answerDNS(message []byte, zones *zones) ([]byte, error) {
	var parser dnsmessage.Parser

	header, err := parser.Start(message)
	if err != nil {
		return nil, err
	}

	question, err := parser.Question()
	if err != nil {
		return nil, err
	}

	answer := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: header.ID, Response: true, Authoritative: true, RecursionDesired: header.RecursionDesired},
		Questions: []dnsmessage.Question{question},
	}

	name := strings.ToLower(question.Name.String())
	kind := strings.TrimPrefix(question.Type.String(), "Type")

	contents, known, served := zones.lookup(name, kind)

	switch {
	case !served:
		answer.RCode, answer.Authoritative = dnsmessage.RCodeRefused, false
	case !known:
		answer.RCode = dnsmessage.RCodeNameError
	}

	for _, one := range contents {
		body, err := recordBody(kind, one.content)
		if err != nil {
			answer.RCode = dnsmessage.RCodeNotImplemented

			break
		}

		answer.Answers = append(answer.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: one.ttl}, Body: body,
		})
	}

	return answer.Pack()
}

func recordBody(kind, content string) (dnsmessage.ResourceBody, error) {
	switch kind {
	case "A":
		if ip := net.ParseIP(content).To4(); ip != nil {
			return &dnsmessage.AResource{A: [4]byte(ip)}, nil
		}
	case "AAAA":
		if ip := net.ParseIP(content); ip != nil {
			return &dnsmessage.AAAAResource{AAAA: [16]byte(ip.To16())}, nil
		}
	case "NS", "CNAME":
		name, err := dnsmessage.NewName(content)
		if err != nil {
			return nil, err
		}

		if kind == "NS" {
			return &dnsmessage.NSResource{NS: name}, nil
		}

		return &dnsmessage.CNAMEResource{CNAME: name}, nil
	case "TXT":
		return &dnsmessage.TXTResource{TXT: []string{strings.Trim(content, `"`)}}, nil
	}

	return nil, fmt.Errorf("%s %s cannot be answered", kind, content)
}
