package machine

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configdiff"
	"github.com/siderolabs/talos/pkg/machinery/config/container"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
)

// Persist writes the configuration for the next boot.
func (s *Session) Persist(cfg config.Provider) error {
	raw, err := cfg.Bytes()
	if err != nil {
		return err
	}

	return s.Store.Update(func(d *Disk) { d.Config = string(raw) })
}

// Activate makes the configuration the running one.
func (s *Session) Activate(cfg config.Provider) {
	s.mu.Lock()
	s.active = cfg
	s.mu.Unlock()
	s.Log.Printf("machine configuration applied")
	s.Hub.Notify()
}

// Try activates the configuration and goes back to the present one after timeout, unless
// another configuration is applied before.
func (s *Session) Try(cfg config.Provider, timeout time.Duration) {
	before := s.Config()

	s.CancelTry()
	s.mu.Lock()
	s.rollback = time.AfterFunc(timeout, func() {
		s.Log.Printf("rolling back the configuration")
		s.Activate(before)
	})
	s.mu.Unlock()
	s.Activate(cfg)
}

// CancelTry keeps the present configuration.
func (s *Session) CancelTry() { s.cancelRollback() }

func (s *Session) cancelRollback() {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.rollback != nil {
		s.rollback.Stop()
		s.rollback = nil
	}
}

// CanApplyImmediate says why a configuration needs a reboot; nil when it does not. Only fields of
// the v1alpha1 document can need one: all other documents are followed while running.
func (s *Session) CanApplyImmediate(next config.Provider) error {
	cfg := s.Config()
	if cfg == nil || cfg.RawV1Alpha1() == nil {
		return errors.New("current config is not v1alpha1")
	}

	if next.RawV1Alpha1() == nil {
		return errors.New("new config is not v1alpha1")
	}

	current, wanted := cfg.RawV1Alpha1().DeepCopy(), next.RawV1Alpha1().DeepCopy()
	forgetImmediate(current)
	forgetImmediate(wanted)

	if reflect.DeepEqual(current, wanted) {
		return nil
	}

	diff, err := configdiff.DiffConfigs(container.NewV1Alpha1(current), container.NewV1Alpha1(wanted))
	if err != nil {
		return fmt.Errorf("error calculating diff: %w", err)
	}

	return fmt.Errorf("this config change can't be applied in immediate mode\ndiff:\n%s", diff)
}

// forgetImmediate removes everything Talos 1.13 follows without a reboot.
func forgetImmediate(cfg *v1alpha1.Config) {
	cfg.ConfigDebug = nil
	cfg.ClusterConfig = nil

	machine := cfg.MachineConfig
	if machine == nil {
		return
	}

	machine.MachineCA = nil
	machine.MachineAcceptedCAs = nil
	machine.MachineTime = nil //nolint:staticcheck // older configurations still carry it
	machine.MachineCertSANs = nil
	machine.MachineInstall = nil
	machine.MachineNetwork = nil //nolint:staticcheck // older configurations still carry it
	machine.MachineSysfs = nil
	machine.MachineSysctls = nil
	machine.MachineLogging = nil
	machine.MachineControlPlane = nil
	machine.MachineKubelet = nil
	machine.MachineKernel = nil
	machine.MachineRegistries = v1alpha1.RegistriesConfig{} //nolint:staticcheck // older configurations still carry it
	machine.MachinePods = nil
	machine.MachineSeccompProfiles = nil
	machine.MachineNodeAnnotations = nil
	machine.MachineNodeLabels = nil
	machine.MachineNodeTaints = nil

	if features := machine.MachineFeatures; features != nil {
		features.KubernetesTalosAPIAccessConfig = nil
		features.KubePrismSupport = nil
		features.HostDNSSupport = nil
		features.ImageCacheSupport = nil
		features.FeatureNodeAddressSortAlgorithm = ""
	}
}
