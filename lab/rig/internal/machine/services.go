package machine

import (
	"slices"
	"sync"
	"time"
)

// Service states as a service list shows them.
const (
	ServiceWaiting  = "Waiting"
	ServiceStarting = "Starting"
	ServiceRunning  = "Running"
	ServiceFinished = "Finished"
	ServiceFailed   = "Failed"
)

// ServiceEvent is one change of a service's state.
type ServiceEvent struct {
	State, Message string
	At             time.Time
}

// Service is a system service of a running machine.
type Service struct {
	ID      string
	Events  []ServiceEvent
	Healthy bool
	// Unknown is true for services without a health check.
	Unknown bool
	Message string
	Changed time.Time
}

// State is the last event's state.
func (s Service) State() string {
	if len(s.Events) == 0 {
		return ""
	}

	return s.Events[len(s.Events)-1].State
}

const keptServiceEvents = 20

// Services is the table of one boot.
type Services struct {
	mu    sync.Mutex
	table map[string]*Service
}

// Set records the state and health of a service and says whether anything changed.
func (s *Services) Set(id, state, message string, healthy bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.table == nil {
		s.table = map[string]*Service{}
	}

	service, ok := s.table[id]
	if !ok {
		service = &Service{ID: id}
		s.table[id] = service
	}

	changed := false

	if service.State() != state {
		service.Events = append(service.Events, ServiceEvent{State: state, Message: message, At: time.Now()})
		if extra := len(service.Events) - keptServiceEvents; extra > 0 {
			service.Events = service.Events[extra:]
		}

		changed = true
	}

	if service.Healthy != healthy || service.Changed.IsZero() {
		service.Healthy, service.Changed, changed = healthy, time.Now(), true
	}

	service.Message = ""
	if !healthy {
		service.Message = message
	}

	return changed
}

// Remove forgets a service.
func (s *Services) Remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	delete(s.table, id)
}

// Get returns one service.
func (s *Services) Get(id string) (Service, bool) {
	for _, service := range s.List() {
		if service.ID == id {
			return service, true
		}
	}

	return Service{}, false
}

// List returns all services, by id.
func (s *Services) List() []Service {
	s.mu.Lock()
	defer s.mu.Unlock()

	list := make([]Service, 0, len(s.table))

	for _, service := range s.table {
		c := *service
		c.Events = slices.Clone(service.Events)
		list = append(list, c)
	}

	slices.SortFunc(list, func(a, b Service) int {
		if a.ID < b.ID {
			return -1
		}

		return 1
	})

	return list
}
