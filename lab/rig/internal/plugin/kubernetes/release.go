package kubernetes

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/protobuf/types/known/emptypb"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"plinth.dev/lab/rig/internal/plugin/host"
	"plinth.dev/lab/rig/internal/plugin/property"
)

// diffRelease compares outputs with inputs, so that what was changed by Helm's own command is seen.
func (p *Provider) diffRelease(req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	olds, news := property.PlainMap(property.FromStruct(req.GetOlds())), property.PlainMap(property.FromStruct(req.GetNews()))
	known := property.Map{}
	for key := range releaseInputs {
		if value, present := olds[key]; present {
			known[key] = value
		}
	}
	changes := property.Changes(known, news)
	if len(changes) == 0 {
		return &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}, nil
	}
	response := &pulumirpc.DiffResponse{
		Changes: pulumirpc.DiffResponse_DIFF_SOME, HasDetailedDiff: true, DetailedDiff: map[string]*pulumirpc.PropertyDiff{},
	}
	for _, change := range changes {
		key, _, _ := strings.Cut(change.Path, ".")
		key, _, _ = strings.Cut(key, "[")
		replaces := key == "name" || key == "namespace"
		response.DetailedDiff[change.Path] = change.Wire(replaces)
		if len(response.Diffs) == 0 || response.Diffs[len(response.Diffs)-1] != key {
			response.Diffs = append(response.Diffs, key)
		}
		if replaces {
			response.Replaces = append(response.Replaces, key)
		}
	}
	return response, nil
}

func previewRelease(inputs property.Map) property.Map {
	out := property.Copy(inputs)
	out["resourceNames"], out["status"] = property.Unknown{}, property.Unknown{}
	out[hiddenInputs] = property.Secret{Value: inputs}
	return out
}

// releaseOutputs is the state of a release: what was asked for, and what Helm made of it.
func releaseOutputs(inputs property.Map, rel *release.Release) (property.Map, error) {
	names, err := resourceNames(rel)
	if err != nil {
		return nil, err
	}
	out := property.Copy(inputs)
	out[hiddenInputs] = property.Secret{Value: inputs}
	out["resourceNames"] = names
	out["status"] = property.Map{
		"appVersion": rel.Chart.Metadata.AppVersion, "chart": rel.Chart.Metadata.Name, "version": rel.Chart.Metadata.Version,
		"name": rel.Name, "namespace": rel.Namespace, "revision": rel.Version, "status": string(rel.Info.Status),
	}
	return out, nil
}

func (p *Provider) createRelease(ctx context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	inputs := property.FromStruct(req.GetProperties())
	if req.GetPreview() {
		return &pulumirpc.CreateResponse{Properties: property.ToStruct(previewRelease(inputs))}, nil
	}
	ctx, done := p.Bound(ctx)
	defer done()
	h, err := p.helm(ctx, inputs)
	if err != nil {
		return nil, err
	}
	rel, failed := h.install(ctx)
	return h.created(rel, failed)
}

func (h *helm) created(rel *release.Release, failed error) (*pulumirpc.CreateResponse, error) {
	id := h.namespace + "/" + h.name
	if rel == nil {
		return nil, unknownf("%v", failed)
	}
	state, err := releaseOutputs(h.inputs, rel)
	if err != nil {
		return nil, unknownf("%v", err)
	}
	if failed == nil {
		return &pulumirpc.CreateResponse{Id: id, Properties: property.ToStruct(state)}, nil
	}
	if _, err := action.NewGet(h.config).Run(h.name); err != nil {
		return nil, unknownf("%v", failed) // it was taken back
	}
	return nil, h.failed(id, " was created, but", state, failed)
}

// failed reports a release that is there but not well.
func (h *helm) failed(id, how string, state property.Map, failed error) error {
	message := fmt.Sprintf("Helm release %q%s failed to initialize completely. Use Helm CLI to investigate: "+
		"failed to become available within allocated timeout. Error: Helm Release %s: %v", id, how, id, failed)
	return host.InitFailed(id, state, nil, message, []string{message})
}

func (p *Provider) updateRelease(ctx context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	inputs := property.FromStruct(req.GetNews())
	if req.GetPreview() {
		return &pulumirpc.UpdateResponse{Properties: property.ToStruct(previewRelease(inputs))}, nil
	}
	ctx, done := p.Bound(ctx)
	defer done()
	h, err := p.helm(ctx, inputs)
	if err != nil {
		return nil, err
	}
	rel, failed := h.upgrade(ctx)
	if rel == nil {
		return nil, unknownf("%v", failed)
	}
	state, err := releaseOutputs(inputs, rel)
	if err != nil {
		return nil, unknownf("%v", err)
	}
	if failed != nil {
		return nil, h.failed(req.GetId(), "", state, failed)
	}
	return &pulumirpc.UpdateResponse{Properties: property.ToStruct(state)}, nil
}

func (p *Provider) readRelease(ctx context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	olds, inputs := property.FromStruct(req.GetProperties()), property.FromStruct(req.GetInputs())
	if len(olds) == 0 {
		return nil, host.Unsupported(pluginName, "importing a "+releaseToken)
	}
	o, cluster := p.current()
	if cluster.reachable(ctx) != nil && o.deleteUnreachable {
		return &pulumirpc.ReadResponse{}, nil
	}
	ctx, done := p.Bound(ctx)
	defer done()
	h, err := p.helm(ctx, inputs)
	if err != nil {
		return nil, err
	}
	rel, err := action.NewGet(h.config).Run(h.name)
	if isMissing(err) {
		return &pulumirpc.ReadResponse{}, nil
	}
	if err != nil {
		return nil, unknownf("%v", err)
	}
	now := property.Copy(inputs)
	now["values"] = valuesOf(rel, inputs)
	now["version"] = rel.Chart.Metadata.Version
	state, err := releaseOutputs(now, rel)
	if err != nil {
		return nil, unknownf("%v", err)
	}
	state[hiddenInputs] = property.Secret{Value: inputs}
	return &pulumirpc.ReadResponse{Id: req.GetId(), Properties: property.ToStruct(state), Inputs: req.GetInputs()}, nil
}

func (p *Provider) deleteRelease(ctx context.Context, req *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	o, cluster := p.current()
	if cluster.reachable(ctx) != nil && o.deleteUnreachable {
		return &emptypb.Empty{}, nil
	}
	ctx, done := p.Bound(ctx)
	defer done()
	h, err := p.helm(ctx, property.FromStruct(req.GetProperties()))
	if err != nil {
		return nil, err
	}
	uninstall := action.NewUninstall(h.config)
	uninstall.Wait, uninstall.Timeout = !h.flag("skipAwait"), h.timeout
	uninstall.DisableHooks = h.flag("disableWebhooks")
	if _, err := uninstall.Run(h.name); err != nil {
		return nil, unknownf("%v", err)
	}
	return &emptypb.Empty{}, nil
}

func isMissing(err error) bool {
	return err != nil && strings.Contains(err.Error(), driver.ErrReleaseNotFound.Error())
}
