package replay

import (
	"google.golang.org/grpc/status"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// compareDetails compares what an error says about the half-made object.
func (c *comparison) compareDetails(entry *Entry, failed *status.Status) {
	if entry.Error == nil {
		return // recorded through the engine, which drops details
	}
	details := failed.Details()
	if len(details) != len(entry.Error.Details) {
		c.differences = append(c.differences, "official and stand-in give a different number of error details")
		return
	}
	for i, recorded := range entry.Error.Details {
		detail, ok := details[i].(*pulumirpc.ErrorResourceInitFailed)
		if !ok {
			c.differences = append(c.differences, "the stand-in's error detail is of another type")
			return
		}
		actual, err := canonical(detail)
		if err != nil {
			c.differences = append(c.differences, err.Error())
			return
		}
		wanted := map[string]any{}
		for key, value := range recorded.Value {
			switch key {
			case "reasonsList":
				wanted["reasons"] = value
			case "refreshBeforeUpdate": // false, which JSON leaves out
			default:
				wanted[key] = value
			}
		}
		c.compare("detail", withoutEmpty(wanted), withoutEmpty(actual))
	}
}
