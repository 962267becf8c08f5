package workload

import (
	"testing"

	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestTheFolderOfAnOpenEBSClass(t *testing.T) {
	for _, one := range []struct{ config, folder string }{
		{"", "/usual"},
		{"- name: StorageType\n  value: hostpath\n", "/usual"},
		{"- name: StorageType\n  value: hostpath\n- name: BasePath\n  value: /var/mnt/openebs\n", "/var/mnt/openebs"},
		{"- name: StorageType\n  value: device\n", ""},
		{"- name: XFSQuota\n  enabled: \"true\"\n", ""},
		{"- name: [", ""},
	} {
		class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{openEBSConfig: one.config}}}

		folder, err := openEBSFolder(class, "/usual")
		if folder != one.folder || (err == nil) != (one.folder != "") {
			t.Errorf("%q: %q, %v; want %q", one.config, folder, err, one.folder)
		}
	}
}
