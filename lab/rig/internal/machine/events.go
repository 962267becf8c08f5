package machine

import (
	"fmt"
	"strings"
	"sync"
	"time"

	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// Events is the event stream of one boot.
type Events struct {
	// boot begins every id. Ids order as text, also across reboots: a client that lost its stream asks
	// for what came after the last one it saw.
	boot string

	mu      sync.Mutex
	list    []StampedEvent
	changed chan struct{}
}

// StampedEvent is an event and when it was emitted.
type StampedEvent struct {
	*machineapi.Event

	At time.Time
}

func newEvents() *Events {
	return &Events{boot: fmt.Sprintf("%016x", time.Now().UnixNano()), changed: make(chan struct{})}
}

// Emit appends an event. actor may be empty.
func (e *Events) Emit(actor string, payload proto.Message) {
	value, err := proto.Marshal(payload)
	if err != nil {
		return
	}

	e.mu.Lock()
	defer e.mu.Unlock()

	e.list = append(e.list, StampedEvent{
		Event: &machineapi.Event{
			Data: &anypb.Any{
				TypeUrl: "talos/runtime/" + string(payload.ProtoReflect().Descriptor().FullName()),
				Value:   value,
			},
			Id:      fmt.Sprintf("%s%06x", e.boot, len(e.list)+1),
			ActorId: actor,
		},
		At: time.Now(),
	})

	close(e.changed)
	e.changed = make(chan struct{})
}

// From returns the events at position and later, and a channel closed when there are more.
func (e *Events) From(position int) ([]StampedEvent, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()

	if position > len(e.list) {
		position = len(e.list)
	}

	return e.list[position:len(e.list):len(e.list)], e.changed
}

func lower(s string) string { return strings.ToLower(s) }
