package replay

import (
	"context"
	"fmt"
	"regexp"
	"sort"
	"strings"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// callLimit ends a call that waits for something this run does not have.
const callLimit = 40 * time.Second

// Exception is a set of entries that cannot be replayed, and why.
type Exception struct {
	File   string         // the recording, "plugin/scenario"; "" means any
	Step   *regexp.Regexp // nil means any
	Call   string         // "" means any
	Type   *regexp.Regexp // nil means any
	Name   string         // the resource's name; "" means any
	Index  []int          // empty means any
	Reason string
}

func (x Exception) covers(e *Entry) bool {
	if x.File != "" && x.File != e.File || x.Call != "" && x.Call != e.Call() {
		return false
	}
	if x.Step != nil && !x.Step.MatchString(e.Step) || x.Type != nil && !x.Type.MatchString(e.Type()) {
		return false
	}
	if x.Name != "" && !strings.HasSuffix(fmt.Sprint(e.Request["urn"]), "::"+x.Name) {
		return false
	}
	if len(x.Index) == 0 {
		return true
	}
	for _, index := range x.Index {
		if index == e.Index {
			return true
		}
	}
	return false
}

// Player replays the recordings of one plugin.
type Player struct {
	New            func() pulumirpc.ResourceProviderServer
	Normalisations []Normalisation
	Exceptions     []Exception
	// LinesUnordered compares errors by their lines, in any order.
	LinesUnordered bool
	// Before repeats what was done to the cluster by hand before an entry; first says whether the entry
	// is the first of its step.
	Before func(e *Entry, first bool) error
	// Provider names the provider resource a resource belongs to, where a program has several.
	Provider func(e *Entry) string
}

// Report is what became of one recording.
type Report struct {
	Replayed int
	Excepted map[string]int // by reason
	Failures []string
}

// Play sends a recording's calls in order. Every step of a recording was one run of the engine, so
// every step gets a plugin of its own.
func (p *Player) Play(ctx context.Context, entries []*Entry) *Report {
	report := &Report{Excepted: map[string]int{}}
	bindings := NewBindings()
	servers := map[string]pulumirpc.ResourceProviderServer{}
	step := ""
	for i, entry := range entries {
		first := i == 0 || entry.Step != step
		if first {
			servers, step = map[string]pulumirpc.ResourceProviderServer{}, entry.Step
		}
		if p.Before != nil {
			if err := p.Before(entry, first); err != nil {
				report.Failures = append(report.Failures, fmt.Sprintf("%s %s: %v", entry.Name(), step, err))
			}
		}
		if reason := p.exception(entry); reason != "" {
			report.Excepted[reason]++
			continue
		}
		provider := p.provider(entry)
		if servers[provider] == nil {
			servers[provider] = p.New()
		}
		report.Replayed++
		for _, difference := range p.one(ctx, servers[provider], entry, bindings) {
			report.Failures = append(report.Failures,
				fmt.Sprintf("%s %s%s %s %s: %s", entry.Name(), entry.Step, entry.Note, entry.Call(), entry.Type(), difference))
		}
	}
	return report
}

func (p *Player) provider(entry *Entry) string {
	if p.Provider == nil {
		return ""
	}
	return p.Provider(entry)
}

func (p *Player) exception(entry *Entry) string {
	for _, x := range p.Exceptions {
		if x.covers(entry) {
			return x.Reason
		}
	}
	return ""
}

func (p *Player) one(ctx context.Context, server pulumirpc.ResourceProviderServer, entry *Entry, bindings *Bindings) []string {
	request, _ := bindings.apply(entry.Request).(map[string]any)
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	actual, failed, err := call(ctx, server, entry.Call(), request)
	if err != nil {
		return []string{err.Error()}
	}
	c := &comparison{bindings: bindings, normalisations: p.Normalisations}
	switch {
	case entry.wantedError() != "":
		c.compare("error", p.comparable(entry.wantedError()), p.comparable(failed.Message()))
		c.compareDetails(entry, failed)
	case failed.Code() != 0:
		c.differences = append(c.differences, "official succeeded, stand-in failed: "+failed.Message())
	default:
		c.compare("", withoutEmpty(entry.Response), withoutEmpty(actual))
	}
	return c.differences
}

func (p *Player) comparable(message string) string {
	if !p.LinesUnordered {
		return strings.TrimSpace(message)
	}
	lines := strings.Split(strings.TrimSpace(message), "\n")
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// withoutEmpty drops what the recording's log left out: enum zeroes and empty members at the top.
func withoutEmpty(answer map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range answer {
		switch v := value.(type) {
		case nil:
			continue
		case map[string]any:
			if len(v) == 0 {
				continue
			}
		case []any:
			if len(v) == 0 {
				continue
			}
		}
		out[key] = value
	}
	return out
}
