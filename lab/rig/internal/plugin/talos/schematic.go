package talos

import (
	"context"
	"fmt"

	"github.com/siderolabs/image-factory/pkg/schematic"

	"plinth.dev/lab/rig/internal/plugin/bridged"
	"plinth.dev/lab/rig/internal/plugin/property"
)

// schematicResource computes an image's id the way the image factory does: it is the digest of the
// schematic, so no factory need be asked.
func schematicResource() *bridged.Resource {
	return &bridged.Resource{
		Version:    "1",
		Properties: bridged.Schema{"schematic": {Default: "customization: {}\n"}},
		Create: func(_ context.Context, planned property.Map) (string, error) {
			parsed, err := schematic.Unmarshal([]byte(property.String(planned, "schematic")))
			if err != nil {
				return "", fmt.Errorf("the schematic is not one the image factory takes: %w", err)
			}
			return parsed.ID()
		},
		Update: nil,
	}
}
