package bridged

import (
	"plinth.dev/lab/rig/internal/plugin/property"
)

// plan says what the outputs will be: the inputs, the defaults, what the plugin computed before, and
// unknown where only the operation itself can tell. olds is nil for a new resource.
func (r *Resource) plan(olds, news property.Map) (property.Map, error) {
	planned := property.Map{}
	for key, p := range r.Properties {
		switch {
		case news[key] != nil:
			planned[key] = news[key]
		case p.Default != nil:
			planned[key] = p.Default
		case p.Output || p.Computed:
			planned[key] = property.Unknown{}
			if olds != nil {
				planned[key] = olds[key]
			}
		}
	}
	if r.Plan != nil {
		if err := r.Plan(olds, planned); err != nil {
			return nil, err
		}
	}
	for key, value := range planned {
		if value == nil {
			delete(planned, key)
		}
	}
	return planned, nil
}

// changes lists the outputs that differ from the plan, and those among them that need a new resource.
func (r *Resource) changes(olds, planned property.Map) (diffs, replaces []string) {
	for _, key := range r.Properties.names() {
		if property.Equal(olds[key], planned[key]) {
			continue
		}
		diffs = append(diffs, key)
		if r.Properties[key].Replaces {
			replaces = append(replaces, key)
		}
	}
	if len(replaces) == 0 || !r.RenewsOnReplace {
		return diffs, replaces
	}
	all := property.Map{"id": true}
	for _, key := range diffs {
		all[key] = true
	}
	for key, p := range r.Properties {
		if p.Output {
			all[key] = true
		}
	}
	return property.Keys(all), replaces
}

// hidden are the outputs a bridged plugin keeps for itself.
func (r *Resource) hidden(id string, outputs property.Map) property.Map {
	out := r.Properties.wrap(outputs, true)
	for key, value := range out {
		if value == nil {
			delete(out, key)
		}
	}
	out["id"] = id
	out["__pulumi_raw_state_delta"] = r.Properties.delta(property.PlainMap(outputs))
	if r.Version != "" {
		out["__meta"] = `{"schema_version":"` + r.Version + `"}`
	}
	return out
}

// known leaves out what the plugin keeps for itself, so that only described properties remain.
func (r *Resource) known(state property.Map) property.Map {
	out := property.Map{}
	for key := range r.Properties {
		if state[key] != nil {
			out[key] = state[key]
		}
	}
	return out
}

// echo is a state as it was, with its secrets marked again.
func (r *Resource) echo(state property.Map) property.Map {
	out := r.Properties.wrap(state, true)
	if delta, ok := state["__pulumi_raw_state_delta"]; ok {
		out["__pulumi_raw_state_delta"] = wrapReplacements(delta)
	}
	return out
}

// wrapReplacements marks the raw values in a hidden delta secret, as the bridge does.
func wrapReplacements(value any) any {
	object, ok := value.(property.Map)
	if !ok {
		return value
	}
	if _, raw := object["replace"]; raw && len(object) == 1 {
		return property.Secret{Value: object}
	}
	out := property.Map{}
	for key, item := range object {
		out[key] = wrapReplacements(item)
	}
	return out
}
