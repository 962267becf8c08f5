package talosapi

import (
	"time"

	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"plinth.dev/lab/rig/internal/machine"
)

var errShuttingDown = status.Error(codes.Unavailable, "the machine is shutting down")

// Events streams what happens on the machine. The first message is empty: clients wait for it.
func (s *machineService) Events(request *machineapi.EventsRequest, stream grpc.ServerStreamingServer[machineapi.Event]) error {
	if err := stream.Send(&machineapi.Event{}); err != nil {
		return err
	}

	past, _ := s.session.Events.From(0)
	position := len(past) - len(tail(past, request))

	for {
		events, changed := s.session.Events.From(position)
		position += len(events)

		for _, event := range events {
			if request.WithActorId != "" && event.ActorId != request.WithActorId {
				continue
			}

			if err := stream.Send(event.Event); err != nil {
				return err
			}
		}

		select {
		case <-changed:
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-s.session.Context().Done():
			return errShuttingDown
		}
	}
}

// tail is the part of the past a request asks for.
func tail(past []machine.StampedEvent, request *machineapi.EventsRequest) []machine.StampedEvent {
	switch {
	case request.TailId != "":
		for i, event := range past {
			if event.Id > request.TailId {
				return past[i:]
			}
		}

		return nil
	case request.TailSeconds > 0:
		since := time.Now().Add(-time.Duration(request.TailSeconds) * time.Second)

		for i, event := range past {
			if event.At.After(since) {
				return past[i:]
			}
		}

		return nil
	case request.TailEvents < 0:
		return past
	default:
		return past[max(0, len(past)-int(request.TailEvents)):]
	}
}
