package workload

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const maxReview = 8 << 20

// judge says why an object must not be admitted; nil admits it.
type judge func(ctx context.Context, review *admissionv1.AdmissionRequest) error

// together runs works side by side until the first one ends. It waits for the others, and returns what that one came to.
func together(ctx context.Context, works ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	ended := make(chan error, len(works))

	for _, work := range works {
		go func() { ended <- work(ctx) }()
	}

	first := <-ended

	cancel()

	for range works[1:] {
		<-ended
	}

	return first
}

// serveTLS serves a handler on a port of the pod until ctx ends; the pod is ready once it listens.
func (p *Pod) serveTLS(ctx context.Context, port int32, pair certificates, handler http.Handler) error {
	certificate, err := tls.X509KeyPair(pair.certificate, pair.key)
	if err != nil {
		return err
	}

	socket, err := p.Listen(port)
	if err != nil {
		return err
	}

	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}

	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()

	p.Ready()

	if err = server.ServeTLS(socket, "", ""); errors.Is(err, http.ErrServerClosed) {
		return ctx.Err()
	}

	return err
}

// serveHTTP serves a handler on a port of the pod until ctx ends; the pod is ready once it listens.
func (p *Pod) serveHTTP(ctx context.Context, port int32, handler http.Handler) error {
	socket, err := p.Listen(port)
	if err != nil {
		return err
	}

	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}

	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()

	p.Ready()

	if err = server.Serve(socket); errors.Is(err, http.ErrServerClosed) {
		return ctx.Err()
	}

	return err
}

// admit answers admission reviews by a judge.
func admit(decide judge) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		review := &admissionv1.AdmissionReview{}
		if !read(w, request, review) {
			return
		}

		if review.Request == nil {
			http.Error(w, "the review holds no request", http.StatusBadRequest)

			return
		}

		response := &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}

		if err := decide(request.Context(), review.Request); err != nil {
			response.Allowed = false
			response.Result = &metav1.Status{Message: err.Error(), Code: http.StatusForbidden}
		}

		write(w, &admissionv1.AdmissionReview{TypeMeta: review.TypeMeta, Response: response})
	})
}

func read(w http.ResponseWriter, request *http.Request, into any) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxReview))
	if err == nil {
		err = json.Unmarshal(body, into)
	}

	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}

	return err == nil
}

func write(w http.ResponseWriter, answer any) {
	w.Header().Set("Content-Type", "application/json")

	_ = json.NewEncoder(w).Encode(answer)
}
