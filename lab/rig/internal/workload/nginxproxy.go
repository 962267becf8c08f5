package workload

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	authTypeAnnotation   = "nginx.ingress.kubernetes.io/auth-type"
	authSecretAnnotation = "nginx.ingress.kubernetes.io/auth-secret" //nolint:gosec // the name of one
	authRealmAnnotation  = "nginx.ingress.kubernetes.io/auth-realm"
)

// proxy is what ingress-nginx does to requests: it ends TLS with the certificate of the host's Ingress, asks who
// may enter, and hands them to the Service of the longest path. It looks at the Ingresses anew for every request.
type proxy struct {
	*ingress
	// spare is what hosts without a certificate of their own are answered with.
	spare tls.Certificate
}

// serve opens both ports until ctx ends.
func (p *proxy) serve(ctx context.Context) error {
	pair, err := issue("Acme Co", "ingress.local")
	if err != nil {
		return err
	}

	if p.spare, err = tls.X509KeyPair(pair.certificate, pair.key); err != nil {
		return err
	}

	plain, err := p.pod.Listen(p.pod.Port("http", 80))
	if err != nil {
		return err
	}

	defer plain.Close() //nolint:errcheck // closed before by its server

	secure, err := p.pod.Listen(p.pod.Port("https", 443))
	if err != nil {
		return err
	}

	defer secure.Close() //nolint:errcheck // closed before by its server

	server := &http.Server{
		Handler: http.HandlerFunc(p.handle), ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{GetCertificate: p.certificate, MinVersion: tls.VersionTLS12},
	}

	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()

	var serving sync.WaitGroup
	defer serving.Wait()

	serving.Go(func() { _ = server.Serve(plain) })

	if err = server.ServeTLS(secure, "", ""); errors.Is(err, http.ErrServerClosed) {
		return ctx.Err()
	}

	return err
}

// certificate is that of the Ingress that has the host under TLS.
func (p *proxy) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	items, err := p.mine(hello.Context())
	if err != nil {
		return nil, err
	}

	for n := range items {
		name, asked := tlsSecret(&items[n], hello.ServerName)
		if !asked {
			continue
		}

		secret, err := p.secret(hello.Context(), items[n].Namespace, name)
		if err != nil || secret == nil {
			return &p.spare, err
		}

		pair, err := tls.X509KeyPair(secret.Data[tlsCertificateKey], secret.Data[tlsPrivateKey])
		if err != nil {
			return &p.spare, nil
		}

		return &pair, nil
	}

	return &p.spare, nil
}

func (p *proxy) handle(w http.ResponseWriter, request *http.Request) {
	host := request.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}

	item, backend, err := p.route(request.Context(), host, request.URL.Path)

	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	case item == nil:
		http.NotFound(w, request)
	case request.TLS == nil && underTLS(item, host):
		http.Redirect(w, request, "https://"+host+request.URL.RequestURI(), http.StatusPermanentRedirect)
	default:
		if p.allow(w, request, item) {
			p.pass(w, request, item.Namespace, backend)
		}
	}
}

// route is the Ingress for a host and the backend of the longest path that a request's path begins with.
func (p *proxy) route(ctx context.Context, host, path string) (*networkingv1.Ingress, *networkingv1.IngressServiceBackend, error) {
	items, err := p.mine(ctx)
	if err != nil {
		return nil, nil, err
	}

	var (
		found   *networkingv1.Ingress
		backend *networkingv1.IngressServiceBackend
		longest = -1
	)

	for n := range items {
		for _, rule := range items[n].Spec.Rules {
			if rule.Host != host || rule.HTTP == nil {
				continue
			}

			for _, one := range rule.HTTP.Paths {
				if one.Backend.Service != nil && len(one.Path) > longest && covers(one, path) {
					found, backend, longest = &items[n], one.Backend.Service, len(one.Path)
				}
			}
		}
	}

	return found, backend, nil
}

func covers(rule networkingv1.HTTPIngressPath, path string) bool {
	if rule.PathType != nil && *rule.PathType == networkingv1.PathTypeExact {
		return path == rule.Path
	}

	prefix := strings.TrimRight(rule.Path, "/")

	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// pass hands a request to a Service.
func (p *proxy) pass(w http.ResponseWriter, request *http.Request, namespace string, to *networkingv1.IngressServiceBackend) {
	service, err := p.service(request.Context(), namespace, to.Name)
	if err != nil || service == nil {
		http.Error(w, fmt.Sprintf("503 Service Temporarily Unavailable: no Service %s/%s", namespace, to.Name), http.StatusServiceUnavailable)

		return
	}

	port := to.Port.Number
	for _, one := range service.Spec.Ports {
		if to.Port.Name != "" && one.Name == to.Port.Name {
			port = one.Port
		}
	}

	target := &url.URL{Scheme: "http", Host: join(service.Spec.ClusterIP, port)}
	through := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.SetXForwarded()
			r.Out.Host = r.In.Host
		},
		Transport: &http.Transport{
			DialContext:       func(ctx context.Context, _, address string) (net.Conn, error) { return p.pod.Dial(ctx, address) },
			DisableKeepAlives: true,
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, "503 Service Temporarily Unavailable: "+err.Error(), http.StatusServiceUnavailable)
		},
	}
	through.ServeHTTP(w, request)
}

func (p *proxy) mine(ctx context.Context) ([]networkingv1.Ingress, error) {
	list, err := p.pod.Client.NetworkingV1().Ingresses("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}

	return slices.DeleteFunc(list.Items, func(item networkingv1.Ingress) bool {
		owned, err := p.owns(ctx, &item)

		return err != nil || !owned
	}), nil
}

// secret is one that the controller finds in its lists: it may list those of other namespaces, and not get one.
func (p *proxy) secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	list, err := p.pod.Client.CoreV1().Secrets(namespace).List(ctx, named(name))
	if err != nil || len(list.Items) == 0 {
		return nil, err
	}

	return &list.Items[0], nil
}

func (p *proxy) service(ctx context.Context, namespace, name string) (*corev1.Service, error) {
	list, err := p.pod.Client.CoreV1().Services(namespace).List(ctx, named(name))
	if err != nil || len(list.Items) == 0 {
		return nil, err
	}

	return &list.Items[0], nil
}

func named(name string) metav1.ListOptions {
	return metav1.ListOptions{FieldSelector: "metadata.name=" + name}
}

func tlsSecret(item *networkingv1.Ingress, host string) (string, bool) {
	for _, entry := range item.Spec.TLS {
		if slices.Contains(entry.Hosts, host) {
			return entry.SecretName, true
		}
	}

	return "", false
}

func underTLS(item *networkingv1.Ingress, host string) bool {
	_, under := tlsSecret(item, host)

	return under
}
