package workload

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
)

const defaultTTL = 3600

// zones are what a PowerDNS holds. All names end with a dot.
type zones struct {
	mu   sync.Mutex
	byID map[string]*zone
}

type zone struct {
	kind     string
	metadata map[string][]string
	sets     map[recordKey]recordSet
}

type recordKey struct{ name, kind string }

// recordSet is all records of a name and a type, as the API writes them.
type recordSet struct {
	Name       string       `json:"name"`
	Type       string       `json:"type"`
	TTL        uint32       `json:"ttl,omitempty"`
	ChangeType string       `json:"changetype,omitempty"`
	Records    []recordText `json:"records"`
}

type recordText struct {
	Content  string `json:"content"`
	Disabled bool   `json:"disabled"`
}

// shownZone is a zone as the API shows it; a list of zones leaves the records out.
type shownZone struct {
	ID      string      `json:"id"`
	Name    string      `json:"name"`
	Kind    string      `json:"kind"`
	Type    string      `json:"type"`
	URL     string      `json:"url"`
	Sets    []recordSet `json:"rrsets,omitempty"`
	Account string      `json:"account"`
}

func newZones() *zones { return &zones{byID: map[string]*zone{}} }

var guarded = regexp.MustCompile(`^if ! pdnsutil -q zone list-all \| grep -qxF (\S+); then pdnsutil zone create (\S+); fi$`)

// command carries out one line of a script that calls pdnsutil.
func (z *zones) command(line string) error {
	z.mu.Lock()
	defer z.mu.Unlock()

	if line == "" || line == "set -eu" || strings.HasPrefix(line, "#") {
		return nil
	}

	if match := guarded.FindStringSubmatch(line); match != nil && match[1] == match[2] {
		if id := absolute(match[1]); z.byID[id] == nil {
			z.byID[id] = &zone{kind: "Native", metadata: map[string][]string{}, sets: map[recordKey]recordSet{}}
		}

		return nil
	}

	words := strings.Fields(line)
	if len(words) < 5 || words[0] != "pdnsutil" {
		return fmt.Errorf("%q: not found", line)
	}

	verb, in, rest := words[1]+" "+words[2], z.byID[absolute(words[3])], words[4:]
	if in == nil {
		return fmt.Errorf("%q: there is no zone %s", line, words[3])
	}

	switch {
	case verb == "zone set-kind" && len(rest) == 1:
		in.kind = strings.ToUpper(rest[0][:1]) + rest[0][1:]
	case verb == "metadata set":
		in.metadata[rest[0]] = rest[1:]
	case verb == "rrset replace" && len(rest) > 2:
		set := recordSet{Name: absolute(rest[0]), Type: rest[1], TTL: defaultTTL}
		for _, content := range rest[2:] {
			set.Records = append(set.Records, recordText{Content: content})
		}

		in.sets[recordKey{set.Name, set.Type}] = set
	default:
		return fmt.Errorf("%q: not understood", line)
	}

	return nil
}

func (z *zones) list() []shownZone {
	z.mu.Lock()
	defer z.mu.Unlock()

	list := []shownZone{}
	for _, id := range slices.Sorted(maps.Keys(z.byID)) {
		list = append(list, z.byID[id].shown(id))
	}

	return list
}

func (z *zones) show(id string) (shownZone, bool) {
	z.mu.Lock()
	defer z.mu.Unlock()

	found := z.byID[absolute(id)]
	if found == nil {
		return shownZone{}, false
	}

	shown := found.shown(absolute(id))
	shown.Sets = slices.SortedFunc(maps.Values(found.sets), func(a, b recordSet) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Type, b.Type))
	})

	return shown, true
}

func (z *zone) shown(id string) shownZone {
	return shownZone{ID: id, Name: id, Kind: z.kind, Type: "Zone", URL: powerDNSServer + "/zones/" + id}
}

// change replaces and deletes sets of records: all of them, or none.
func (z *zones) change(id string, sets []recordSet) error {
	z.mu.Lock()
	defer z.mu.Unlock()

	id = absolute(id)

	found := z.byID[id]
	if found == nil {
		return fmt.Errorf("Could not find domain '%s'", id) //nolint:staticcheck // its own words
	}

	for _, set := range sets {
		switch {
		case !strings.HasSuffix(set.Name, "."):
			return fmt.Errorf("RRset %s IN %s: Name is not canonical", set.Name, set.Type)
		case set.Name != id && !strings.HasSuffix(set.Name, "."+id):
			return fmt.Errorf("RRset %s IN %s: Name is out of zone", set.Name, set.Type)
		case set.ChangeType != "REPLACE" && set.ChangeType != "DELETE":
			return errors.New("Changetype not understood") //nolint:staticcheck // its own words
		}
	}

	for _, set := range sets {
		key := recordKey{strings.ToLower(set.Name), set.Type}
		if set.ChangeType == "DELETE" || len(set.Records) == 0 {
			delete(found.sets, key)

			continue
		}

		set.ChangeType = ""
		found.sets[key] = set
	}

	return nil
}

// answered is one record of an answer.
type answered struct {
	content string
	ttl     uint32
}

// lookup finds the records of a name; it says whether the name is known, and whether it lies in a zone at all.
func (z *zones) lookup(name, kind string) (found []answered, known, served bool) {
	z.mu.Lock()
	defer z.mu.Unlock()

	for id, in := range z.byID {
		if name != id && !strings.HasSuffix(name, "."+id) {
			continue
		}

		served = true

		for key, set := range in.sets {
			if key.name != name {
				continue
			}

			known = true

			for _, one := range set.Records {
				if key.kind == kind && !one.Disabled {
					found = append(found, answered{one.Content, set.TTL})
				}
			}
		}
	}

	return found, known, served
}

func absolute(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") + "." }
