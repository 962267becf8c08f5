package workload

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestACertificateIsTrustedByItsAuthorityForItsNames(t *testing.T) {
	pair, err := issue("somebody", "hook.shop.svc")
	if err != nil {
		t.Fatal(err)
	}

	certificate, err := tls.X509KeyPair(pair.certificate, pair.key)
	if err != nil {
		t.Fatal(err)
	}

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pair.authority)

	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}

	if _, err = leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "hook.shop.svc"}); err != nil {
		t.Error(err)
	}

	if _, err = leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "other.shop.svc"}); err == nil {
		t.Error("another name is trusted")
	}
}

func TestReviewsAreAnsweredWithTheReason(t *testing.T) {
	handler := admit(func(_ context.Context, review *admissionv1.AdmissionRequest) error {
		if review.Name == "bad" {
			return errors.New("it is bad")
		}

		return nil
	})

	for name, allowed := range map[string]bool{"good": true, "bad": false} {
		body, _ := json.Marshal(admissionv1.AdmissionReview{Request: &admissionv1.AdmissionRequest{UID: types.UID(name), Name: name}})
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))

		var answer admissionv1.AdmissionReview
		if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}

		if answer.Response.Allowed != allowed || answer.Response.UID != types.UID(name) {
			t.Errorf("%s: %+v", name, answer.Response)
		}

		if !allowed && answer.Response.Result.Message != "it is bad" {
			t.Errorf("got %+v", answer.Response.Result)
		}
	}

	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader([]byte("nonsense"))))

	if recorder.Code != http.StatusBadRequest {
		t.Errorf("nonsense is answered %d", recorder.Code)
	}
}
