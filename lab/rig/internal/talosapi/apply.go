package talosapi

import (
	"context"
	"fmt"

	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configdiff"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"plinth.dev/lab/rig/internal/cosi"
	"plinth.dev/lab/rig/internal/machine"
	"plinth.dev/lab/rig/internal/rules"
)

type applyMode = machineapi.ApplyConfigurationRequest_Mode

const (
	modeReboot   = machineapi.ApplyConfigurationRequest_REBOOT
	modeAuto     = machineapi.ApplyConfigurationRequest_AUTO
	modeNoReboot = machineapi.ApplyConfigurationRequest_NO_REBOOT
	modeStaged   = machineapi.ApplyConfigurationRequest_STAGED
	modeTry      = machineapi.ApplyConfigurationRequest_TRY
)

// ApplyConfiguration validates with Talos' own rules and applies in the mode asked for.
func (s *machineService) ApplyConfiguration(
	ctx context.Context, request *machineapi.ApplyConfigurationRequest,
) (*machineapi.ApplyConfigurationResponse, error) {
	maintenance := s.agent == nil

	if !maintenance && !hasRole(ctx, admin) {
		return nil, errNotAuthorized
	}

	provider, warnings, err := s.validate(ctx, request.GetData(), maintenance)
	if err != nil {
		return nil, err
	}

	chosen, details, err := s.chooseMode(request.Mode, provider, maintenance)
	if err != nil {
		return nil, err
	}

	if request.DryRun {
		diff, err := s.describeChange(provider)
		if err != nil {
			return nil, err
		}

		details = fmt.Sprintf("Dry run summary:\n%s (skipped in dry-run).\n%s", details, diff)
		warnings = nil
	} else if details, err = s.apply(request, chosen, provider, details, maintenance); err != nil {
		return nil, err
	}

	return &machineapi.ApplyConfigurationResponse{Messages: []*machineapi.ApplyConfiguration{{
		Mode: chosen, Warnings: warnings, ModeDetails: details,
	}}}, nil
}

func (s *machineService) validate(ctx context.Context, raw []byte, maintenance bool) (config.Provider, []string, error) {
	invalid := func(err error) (config.Provider, []string, error) {
		return nil, nil, status.Error(codes.InvalidArgument, err.Error())
	}

	rules := rules.Machine{Installed: s.session.Store.Disk().Installed(), State: s.state, Disks: cosi.Disks(s.session.Spec)}

	warnings, err := s.api.rules.Judge(ctx, s.session.Release(), raw, rules)
	if err != nil {
		return invalid(err)
	}

	provider, err := configloader.NewFromBytes(raw)
	if err != nil {
		return invalid(err)
	}

	if !maintenance && provider.RawV1Alpha1() == nil {
		return invalid(fmt.Errorf("the applied machine configuration doesn't contain v1alpha1 config, did you mean to patch the machine config instead?"))
	}

	return provider, warnings, nil
}

// chooseMode resolves auto, and refuses to apply at once what needs a reboot.
func (s *machineService) chooseMode(asked applyMode, provider config.Provider, maintenance bool) (applyMode, string, error) {
	const (
		rebooted  = "Applied configuration with a reboot"
		immediate = "Applied configuration without a reboot"
		staged    = "Staged configuration to be applied after the next reboot"
	)

	if maintenance && asked != modeStaged && asked != modeTry {
		return modeNoReboot, immediate, nil
	}

	if !s.session.Release().DetectsReboots() {
		// v1alpha1_server.go of 1.14: nothing is compared any more, all changes are taken at once.
		switch asked {
		case modeReboot:
			return asked, "", status.Error(codes.Unimplemented, "the REBOOT mode is not supported, please use AUTO or NO_REBOOT modes instead")
		case modeAuto, modeNoReboot:
			return modeNoReboot, immediate, nil
		case modeTry:
			return asked, immediate, nil
		case modeStaged:
		}
	}

	switch asked {
	case modeReboot:
		return asked, rebooted, nil
	case modeStaged:
		return asked, staged, nil
	case modeTry, modeNoReboot:
		if err := s.session.CanApplyImmediate(provider); err != nil && !maintenance {
			return asked, "", status.Error(codes.InvalidArgument, err.Error())
		}

		return asked, immediate, nil
	case modeAuto:
		if err := s.session.CanApplyImmediate(provider); err != nil {
			return modeReboot, rebooted + ": " + err.Error(), nil
		}

		return modeNoReboot, immediate, nil
	}

	return asked, "", status.Errorf(codes.InvalidArgument, "incorrect mode '%s' specified for the apply config call", asked)
}

func (s *machineService) describeChange(provider config.Provider) (string, error) {
	before := s.session.Config()
	if before == nil {
		return "Config diff:\n\nNo changes.", nil
	}

	diff, err := configdiff.DiffConfigs(before, provider)
	if err != nil {
		return "", fmt.Errorf("failed to generate diff: %w", err)
	}

	if diff == "" {
		diff = "No changes."
	}

	return "Config diff:\n\n" + diff, nil
}

func (s *machineService) apply(
	request *machineapi.ApplyConfigurationRequest, chosen applyMode, provider config.Provider, details string, maintenance bool,
) (string, error) {
	s.session.Log.Printf("apply config request: mode %s", chosen)

	if chosen != modeTry {
		s.session.CancelTry()
	}

	if maintenance {
		return details, s.session.Install(provider)
	}

	switch chosen {
	case modeTry:
		timeout := constants.ConfigTryTimeout
		if request.TryModeTimeout != nil {
			timeout = request.TryModeTimeout.AsDuration()
		}

		s.session.Try(provider, timeout)

		return details + fmt.Sprintf("\nThe config is applied in 'try' mode and will be automatically reverted back in %s", timeout), nil
	case modeNoReboot:
		if err := s.session.Persist(provider); err != nil {
			return "", err
		}

		s.session.Activate(provider)
	case modeStaged:
		return details, s.session.Persist(provider)
	case modeReboot:
		if err := s.session.Persist(provider); err != nil {
			return "", err
		}

		s.session.RunSequence("reboot", "", machine.StageRebooting, machine.Reboot, nothing)
	case modeAuto:
	}

	return details, nil
}
