package rack

import (
	"time"

	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	clientconfig "github.com/siderolabs/talos/pkg/machinery/client/config"
	"github.com/siderolabs/talos/pkg/machinery/config"
	documents "github.com/siderolabs/talos/pkg/machinery/config/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"
	"github.com/siderolabs/talos/pkg/machinery/config/container"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	"github.com/siderolabs/talos/pkg/machinery/role"
	"go.yaml.in/yaml/v4"
	"google.golang.org/protobuf/types/known/durationpb"
)

// configuration is what tests change in a machine's configuration.
type configuration = v1alpha1.Config

// edit names the machine and changes its v1alpha1 document.
func (b *bench) edit(provider config.Provider, hostname string, change func(*configuration)) []byte {
	b.Helper()

	if change != nil {
		edited := provider.RawV1Alpha1().DeepCopy()
		change(edited)

		list := []documents.Document{edited}

		for _, document := range provider.Documents() {
			if document.Kind() != "v1alpha1" && document.Kind() != "" {
				list = append(list, document)
			}
		}

		rebuilt, err := container.New(list...)
		b.must(err)

		provider = rebuilt
	}

	text, err := yaml.Marshal(map[string]any{"apiVersion": "v1alpha1", "kind": "HostnameConfig", "auto": "off", "hostname": hostname})
	b.must(err)

	patch, err := configpatcher.LoadPatch(text)
	b.must(err)

	patched, err := configpatcher.Apply(configpatcher.WithConfig(provider), []configpatcher.Patch{patch})
	b.must(err)

	result, err := patched.Config()
	b.must(err)

	raw, err := result.EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
	b.must(err)

	return raw
}

// readerAccess is a client configuration the machine issues, whose certificate may only read.
func (b *bench) readerAccess(host int) *clientconfig.Config {
	b.Helper()

	response, err := b.talos(host).GenerateClientConfiguration(b.ctx, &machineapi.GenerateClientConfigurationRequest{
		Roles: []string{string(role.Reader)}, CrtTtl: durationpb.New(time.Hour),
	})
	b.must(err)

	access, err := clientconfig.FromBytes(response.Messages[0].Talosconfig)
	b.must(err)

	return access
}
