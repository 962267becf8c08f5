package workload

import (
	"bufio"
	"bytes"
	"crypto/sha1" //nolint:gosec // a form of htpasswd
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/crypto/bcrypt"
	networkingv1 "k8s.io/api/networking/v1"
)

// allow says whether a request may enter, by what its Ingress asks for; whoever may not has been answered.
func (p *proxy) allow(w http.ResponseWriter, request *http.Request, item *networkingv1.Ingress) bool {
	kind, asked := item.Annotations[authTypeAnnotation]
	if !asked {
		return true
	}

	if kind != "basic" {
		http.Error(w, fmt.Sprintf("the lab has no authentication of type %q", kind), http.StatusNotImplemented)

		return false
	}

	secret, err := p.secret(request.Context(), item.Namespace, item.Annotations[authSecretAnnotation])
	if err != nil || secret == nil {
		http.Error(w, "503 Service Temporarily Unavailable", http.StatusServiceUnavailable)

		return false
	}

	user, password, _ := request.BasicAuth()
	if knows(secret.Data["auth"], user, password) {
		return true
	}

	w.Header().Set("WWW-Authenticate", fmt.Sprintf("Basic realm=%q", item.Annotations[authRealmAnnotation]))
	http.Error(w, "401 Authorization Required", http.StatusUnauthorized)

	return false
}

// knows looks a user up in htpasswd lines, of which those by bcrypt and SHA-1 can be told.
func knows(lines []byte, user, password string) bool {
	for scanner := bufio.NewScanner(bytes.NewReader(lines)); scanner.Scan(); {
		name, hash, _ := strings.Cut(strings.TrimSpace(scanner.Text()), ":")
		if name == "" || name != user {
			continue
		}

		if encoded, sha := strings.CutPrefix(hash, "{SHA}"); sha {
			sum := sha1.Sum([]byte(password)) //nolint:gosec // a form of htpasswd

			return subtle.ConstantTimeCompare([]byte(encoded), []byte(base64.StdEncoding.EncodeToString(sum[:]))) == 1
		}

		return bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
	}

	return false
}
