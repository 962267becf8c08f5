// Package workload is what happens inside pods. Nearly all pods only look as if they ran. Where others
// wait for what the software in them does - a webhook that answers, an address that is given out, a CRD
// that is registered - a program stands for that software: by its image, configured by its pod, and with
// no more rights than the pod's service account has.
package workload

import (
	"context"
	"regexp"
	"strings"
)

// Program stands for the software of one image.
type Program struct {
	// Name is how a person speaks of it, as metallb-controller.
	Name string
	// Image is the end of the image's repository, so that a mirror's images are known too.
	Image string
	// Does says what of the software there is.
	Does string
	// Run works until ctx ends, or until the work of a Job is done. An error is a crash.
	Run func(ctx context.Context, pod *Pod) error
}

// Programs are the known ones.
var Programs = []*Program{
	{
		Name: "cilium-operator", Image: "cilium/operator-generic", Run: ciliumOperator,
		Does: "registers Cilium's CRDs, accepts its GatewayClasses",
	},
	{
		Name: "cilium-agent", Image: "cilium/cilium", Run: ciliumAgent,
		Does: "waits for the CRDs, writes a CiliumNode",
	},
	{
		Name: "cert-manager", Image: "jetstack/cert-manager-controller", Run: certManagerController,
		Does: "signs Certificates by issuers of the site's own, orders others by ACME, follows Ingresses",
	},
	{
		Name: "cert-manager-cainjector", Image: "jetstack/cert-manager-cainjector", Run: certManagerInjector,
		Does: "writes the webhook's authority where the API server looks for it",
	},
	{
		Name: "cert-manager-webhook", Image: "jetstack/cert-manager-webhook", Run: certManagerWebhook,
		Does: "serves the webhook",
	},
	{
		Name: "metallb-controller", Image: "metallb/controller", Run: metallbController,
		Does: "gives addresses to Services, serves the webhook",
	},
	{
		Name: "metallb-speaker", Image: "metallb/speaker", Run: metallbSpeaker,
		Does: "opens the TCP ports of those addresses on this computer",
	},
	{
		Name: "ingress-nginx-controller", Image: "ingress-nginx/controller", Run: ingressController,
		Does: "serves the webhook, writes the address into Ingresses, answers their requests by HTTP and HTTPS",
	},
	{
		Name: "local-path-provisioner", Image: "rancher/local-path-provisioner", Run: localPathProvisioner,
		Does: "makes and removes volumes of machines, without folders",
	},
	{
		Name: "openebs-localpv-provisioner", Image: "openebs/provisioner-localpv", Run: openEBSProvisioner,
		Does: "makes and removes volumes of machines, without folders",
	},
	{
		Name: "sealed-secrets-controller", Image: "bitnami/sealed-secrets-controller", Run: sealedSecretsController,
		Does: "opens SealedSecrets, hands out the certificate to seal for",
	},
	{
		Name: "reloader", Image: "stakater/reloader", Run: reloader,
		Does: "restarts workloads whose Secrets and ConfigMaps change",
	},
	{
		Name: "powerdns", Image: "powerdns/pdns-auth-51", Run: powerDNS,
		Does: "answers for its zones by DNS over TCP, serves its API",
	},
	{
		Name: "cert-manager-webhook-pdns", Image: "zachomedia/cert-manager-webhook-pdns", Run: powerDNSSolver,
		Does: "writes challenges of ACME into PowerDNS",
	},
	{
		Name: "external-dns", Image: "external-dns/external-dns", Run: externalDNS,
		Does: "keeps records in PowerDNS for Ingresses and Services",
	},
	{
		Name: "vault-operator", Image: "bank-vaults/vault-operator", Run: vaultOperator,
		Does: "makes what runs each Vault, says who leads",
	},
	{
		Name: "vault", Image: "hashicorp/vault", Run: vaultServer,
		Does: "lets service accounts in, keeps key-value secrets; not encrypted",
	},
	{
		Name: "bank-vaults", Image: "bank-vaults/bank-vaults", Run: bankVaults,
		Does: "makes and keeps Vault's keys, unseals it, configures it",
	},
	{
		Name: "external-secrets", Image: "external-secrets/external-secrets", Run: externalSecrets,
		Does: "reads Secrets out of Vault, writes generated passwords into it, serves the webhook",
	},
	{
		Name: "kube-webhook-certgen", Image: "ingress-nginx/kube-webhook-certgen", Run: webhookCertgen,
		Does: "makes the webhook's certificate, writes its authority into the webhook",
	},
}

// ProgramFor is the program that stands for an image, or nil.
func ProgramFor(image string) *Program {
	repository, _, _ := strings.Cut(image, "@")
	if colon := strings.LastIndex(repository, ":"); colon > strings.LastIndex(repository, "/") {
		repository = repository[:colon]
	}

	for _, program := range Programs {
		if repository == program.Image || strings.HasSuffix(repository, "/"+program.Image) {
			return program
		}
	}

	return nil
}

// ImagePattern matches the images of all programs: pods with one of them are not ready by themselves.
func ImagePattern() string {
	images := make([]string, len(Programs))
	for i, program := range Programs {
		images[i] = regexp.QuoteMeta(program.Image)
	}

	return "(^|/)(" + strings.Join(images, "|") + ")(:[^/]*)?(@.*)?$"
}
