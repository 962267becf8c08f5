// Package release knows what differs between the Talos minors that a machine can run.
package release

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Release is a Talos version.
type Release struct {
	Major, Minor, Patch int
	text                string
}

var pattern = regexp.MustCompile(`^v(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?$`)

// Parse reads a version such as v1.13.9.
func Parse(version string) (Release, error) {
	match := pattern.FindStringSubmatch(version)
	if match == nil {
		return Release{}, fmt.Errorf("%q is not a Talos version (for example v1.13.0)", version)
	}

	numbers := make([]int, 3)

	for i := range numbers {
		// The pattern admits digits only; a number that does not fit is no version either.
		number, err := strconv.Atoi(match[i+1])
		if err != nil {
			return Release{}, fmt.Errorf("%q is not a Talos version: %w", version, err)
		}

		numbers[i] = number
	}

	return Release{Major: numbers[0], Minor: numbers[1], Patch: numbers[2], text: version}, nil
}

func (r Release) String() string { return r.text }

// SameMinor says whether both belong to one minor.
func (r Release) SameMinor(other Release) bool {
	return r.Major == other.Major && r.Minor == other.Minor
}

// AtLeast says whether the release is of this minor or a later one. Pre-releases count as theirs.
func (r Release) AtLeast(major, minor int) bool {
	return r.Major > major || (r.Major == major && r.Minor >= minor)
}

// HasLifecycleService: since 1.13 images are pulled by the ImageService and systems are written by
// the LifecycleService, which neither asks etcd nor reboots (release notes 1.13).
func (r Release) HasLifecycleService() bool { return r.AtLeast(1, 13) }

// DetectsReboots: until 1.13 the machine itself says whether a configuration needs a reboot; since
// 1.14 `auto` means `no-reboot`, and `reboot` is Unimplemented once a machine is configured.
func (r Release) DetectsReboots() bool { return !r.AtLeast(1, 14) }

// HasFinalConfigs: since 1.14 static pods are rendered from resources with the prefix "final-".
func (r Release) HasFinalConfigs() bool { return r.AtLeast(1, 14) }

// Etcd is the minor of etcd whose data format the release's default image writes: 3.6 since 1.11,
// 3.7 since 1.14. A member cannot read data that a later minor has written.
func (r Release) Etcd() string {
	switch {
	case r.AtLeast(1, 14):
		return "3.7"
	case r.AtLeast(1, 11):
		return "3.6"
	default:
		return "3.5"
	}
}

// oldInstaller is where installers were published until 1.13.
const oldInstaller = "ghcr.io/siderolabs/installer"

// Published says why there is no installer image of this name for the release: since 1.14 only the
// image factory has them.
func (r Release) Published(image string) error {
	if r.AtLeast(1, 14) && strings.HasPrefix(image, oldInstaller+":") {
		return fmt.Errorf("%s: not found: since Talos 1.14 installers come from the image factory", image)
	}

	return nil
}
