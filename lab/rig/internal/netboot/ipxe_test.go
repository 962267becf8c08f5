package netboot_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"plinth.dev/lab/rig/internal/netboot"
)

const uuid = "4c4c4544-0051-3010-8052-b4c04f4d3233"

// serve answers with scripts by path; every path asked for is kept.
func serve(t *testing.T, pages map[string]string) (string, *[]string) {
	t.Helper()

	asked := &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.URL.RequestURI())

		page, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)

			return
		}

		_, _ = w.Write([]byte(strings.ReplaceAll(page, "URL", "http://"+r.Host)))
	}))
	t.Cleanup(server.Close)

	return server.URL, asked
}

func firmware(t *testing.T, hasDisk bool) netboot.Firmware {
	t.Helper()

	return netboot.Firmware{MAC: "52:54:00:00:00:01", UUID: uuid, Arch: "amd64", HasDisk: hasDisk, Log: t.Logf}
}

func TestScripts(t *testing.T) {
	images := "kernel --name vmlinuz URL/k initrd=initramfs a=1 b || exit\ninitrd --name initramfs URL/i || exit\nboot || exit\n"

	for name, test := range map[string]struct {
		script string
		kind   netboot.Kind
		fails  bool
	}{
		"an image boots":                     {script: "imgfree\n" + images, kind: netboot.Image},
		"exit goes to the disk":              {script: "exit\n" + images, kind: netboot.Disk},
		"sanboot goes to the disk":           {script: "sanboot --no-describe --drive 0x80 || exit\n" + images, kind: netboot.Disk},
		"a missing image goes to the disk":   {script: "kernel URL/none || exit\n" + images, kind: netboot.Disk},
		"boot without an image fails":        {script: "boot\n", fails: true},
		"an unknown command fails":           {script: "install-it\n" + images, fails: true},
		"an unknown command can be expected": {script: "install-it || echo so be it\n" + images, kind: netboot.Image},
		"and-then runs after success only":   {script: "set x 1 && exit\n" + images, kind: netboot.Disk},
		"a chain without end fails":          {script: "chain URL/boot\n", fails: true},
		"no script at all":                   {script: "", kind: netboot.Disk},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := serve(t, map[string]string{"/boot": "#!ipxe\n" + test.script, "/k": "kernel", "/i": "initramfs"})

			result, err := netboot.Boot(t.Context(), firmware(t, true), url+"/boot")
			if (err != nil) != test.fails || result.Kind != test.kind {
				t.Fatalf("got %+v, %v", result, err)
			}

			if test.kind == netboot.Image && !slices.Equal(result.Args, []string{"initrd=initramfs", "a=1", "b"}) {
				t.Fatalf("kernel arguments %q", result.Args)
			}
		})
	}
}

func TestIdentity(t *testing.T) {
	url, asked := serve(t, map[string]string{
		"/boot": "#!ipxe\nchain --autofree URL/ask?mac=${netX/mac:hexhyp}&uuid=${uuid}&arch=${buildarch}&none=${none} || exit\n",
	})

	if result, err := netboot.Boot(t.Context(), firmware(t, false), url+"/boot"); err != nil || result.Kind != netboot.Disk {
		t.Fatalf("got %+v, %v", result, err)
	}

	if want := "/ask?mac=52-54-00-00-00-01&uuid=" + uuid + "&arch=x86_64&none="; (*asked)[1] != want {
		t.Fatalf("asked for %q, want %q", (*asked)[1], want)
	}
}

func TestNoDiskNoSanboot(t *testing.T) {
	url, _ := serve(t, map[string]string{"/boot": "#!ipxe\nsanboot --drive 0x80\n"})

	if _, err := netboot.Boot(t.Context(), firmware(t, false), url+"/boot"); err == nil {
		t.Fatal("it booted from a disk that is empty")
	}
}

func TestNoServer(t *testing.T) {
	if result, err := netboot.Boot(t.Context(), firmware(t, true), "http://127.0.0.1:1/boot.ipxe"); err == nil || result.Kind != netboot.Disk {
		t.Fatalf("got %+v, %v", result, err)
	}
}
