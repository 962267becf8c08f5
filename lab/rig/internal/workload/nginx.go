package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const ingressClassAnnotation = "kubernetes.io/ingress.class"

// webhookCertgen is the Job around ingress-nginx's webhook: `create` makes its certificate, unless there
// is one, `patch` writes the authority into the webhook's configuration.
func webhookCertgen(ctx context.Context, pod *Pod) error {
	words := pod.Words()
	namespace, name := pod.Flag("namespace"), pod.Flag("secret-name")

	secret, err := pod.Client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})

	switch {
	case len(words) == 0:
		return errors.New("no command: use create or patch")
	case words[0] == "create" && apierrors.IsNotFound(err):
		pair, failed := issue("nil1", strings.Split(pod.Flag("host"), ",")...)
		if failed != nil {
			return failed
		}

		_, err = pod.Client.CoreV1().Secrets(namespace).Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Data:       map[string][]byte{"ca": pair.authority, "cert": pair.certificate, "key": pair.key},
		}, metav1.CreateOptions{})

		return err
	case words[0] == "create" || err != nil:
		return err
	case words[0] == "patch":
		return patchWebhook(ctx, pod, secret.Data["ca"])
	default:
		return fmt.Errorf("unknown command %q", words[0])
	}
}

func patchWebhook(ctx context.Context, pod *Pod, authority []byte) error {
	if pod.Flag("patch-mutating") != "false" {
		return errors.New("only the validating webhook can be patched here: use --patch-mutating=false")
	}

	configurations := pod.Client.AdmissionregistrationV1().ValidatingWebhookConfigurations()

	configuration, err := configurations.Get(ctx, pod.Flag("webhook-name"), metav1.GetOptions{})
	if err != nil {
		return err
	}

	for n := range configuration.Webhooks {
		configuration.Webhooks[n].ClientConfig.CABundle = authority
	}

	_, err = configurations.Update(ctx, configuration, metav1.UpdateOptions{})

	return err
}

// ingressController serves the webhook of ingress-nginx, keeps the address of its Ingresses, and answers their requests.
func ingressController(ctx context.Context, pod *Pod) error {
	controller := &ingress{pod: pod, class: pod.Flag("ingress-class"), controller: pod.Flag("controller-class")}

	serve := (&proxy{ingress: controller}).serve

	if pod.Flag("validating-webhook") == "" {
		pod.Ready()

		return together(ctx, controller.follow, serve)
	}

	pair, err := controller.certificates(ctx)
	if err != nil {
		return err
	}

	mux := http.NewServeMux()
	mux.Handle("/networking/v1/ingresses", admit(controller.judge))

	return together(ctx, controller.follow, serve, func(ctx context.Context) error {
		return pod.serveTLS(ctx, pod.Port("webhook", 8443), pair, mux)
	})
}

type ingress struct {
	pod               *Pod
	class, controller string
}

func (i *ingress) certificates(ctx context.Context) (pair certificates, err error) {
	for path, into := range map[string]*[]byte{
		i.pod.Flag("validating-webhook-certificate"): &pair.certificate, i.pod.Flag("validating-webhook-key"): &pair.key,
	} {
		var found bool

		if *into, found, err = i.pod.File(ctx, path); err != nil {
			return pair, err
		}

		if !found {
			return pair, fmt.Errorf("open %s: no such file or directory", path)
		}
	}

	return pair, nil
}

func (i *ingress) follow(ctx context.Context) error {
	return i.pod.Follow(ctx, i.publish, Watched{resource("networking.k8s.io", "v1", "ingresses"), ""}, Watched{services, ""})
}

// publish writes the address of the controller's Service into every Ingress of its class.
func (i *ingress) publish(ctx context.Context) error {
	namespace, name, named := strings.Cut(i.pod.Flag("publish-service"), "/")
	if !named {
		return nil
	}

	service, err := i.pod.Client.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}

	var addresses []networkingv1.IngressLoadBalancerIngress
	for _, entry := range service.Status.LoadBalancer.Ingress {
		addresses = append(addresses, networkingv1.IngressLoadBalancerIngress{IP: entry.IP, Hostname: entry.Hostname})
	}

	list, err := i.pod.Client.NetworkingV1().Ingresses("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}

	var problems []error

	for n := range list.Items {
		item := &list.Items[n]

		mine, err := i.owns(ctx, item)
		if err == nil && mine && !reflect.DeepEqual(item.Status.LoadBalancer.Ingress, addresses) {
			item.Status.LoadBalancer.Ingress = addresses
			_, err = i.pod.Client.NetworkingV1().Ingresses(item.Namespace).UpdateStatus(ctx, item, metav1.UpdateOptions{})
		}

		problems = append(problems, err)
	}

	return errors.Join(problems...)
}

// owns says whether an Ingress is for this controller: by its class, or by the old annotation.
func (i *ingress) owns(ctx context.Context, item *networkingv1.Ingress) (bool, error) {
	if annotated := item.Annotations[ingressClassAnnotation]; annotated != "" {
		return annotated == i.class, nil
	}

	if item.Spec.IngressClassName == nil {
		return false, nil
	}

	class, err := i.pod.Client.NetworkingV1().IngressClasses().Get(ctx, *item.Spec.IngressClassName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}

	return err == nil && class.Spec.Controller == i.controller, err
}

// judge refuses what nginx would serve only once: a host and path that another Ingress has.
func (i *ingress) judge(ctx context.Context, review *admissionv1.AdmissionRequest) error {
	asked := &networkingv1.Ingress{}
	if err := json.Unmarshal(review.Object.Raw, asked); err != nil {
		return err
	}

	mine, err := i.owns(ctx, asked)
	if err != nil || !mine {
		return err
	}

	list, err := i.pod.Client.NetworkingV1().Ingresses("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}

	taken := map[string]types.NamespacedName{}

	for n := range list.Items {
		other := &list.Items[n]
		if other.Namespace == review.Namespace && other.Name == review.Name {
			continue
		}

		if theirs, err := i.owns(ctx, other); err != nil || !theirs {
			continue
		}

		for _, route := range routes(other) {
			taken[route] = types.NamespacedName{Namespace: other.Namespace, Name: other.Name}
		}
	}

	for _, route := range routes(asked) {
		if holder, found := taken[route]; found {
			host, path, _ := strings.Cut(route, " ")

			return fmt.Errorf("host %q and path %q is already defined in ingress %s", host, path, holder)
		}
	}

	return nil
}

func routes(item *networkingv1.Ingress) []string {
	var list []string

	for _, rule := range item.Spec.Rules {
		if rule.HTTP == nil {
			continue
		}

		for _, path := range rule.HTTP.Paths {
			list = append(list, rule.Host+" "+path.Path)
		}
	}

	return list
}
