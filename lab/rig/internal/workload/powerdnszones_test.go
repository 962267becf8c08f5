package workload

import (
	"strings"
	"testing"
)

func zonesOf(t *testing.T, script string) *zones {
	t.Helper()

	made := newZones()
	for line := range strings.Lines(script) {
		if err := made.command(strings.TrimSpace(line)); err != nil {
			t.Fatal(err)
		}
	}

	return made
}

const zoneLines = `set -eu
if ! pdnsutil -q zone list-all | grep -qxF example.org; then pdnsutil zone create example.org; fi
pdnsutil zone set-kind example.org primary
pdnsutil rrset replace example.org example.org. NS ns1.example.org. ns2.example.org.
pdnsutil metadata set example.org ALLOW-AXFR-FROM`

func TestAScriptMakesZonesOnceAndKeepsTheirRecords(t *testing.T) {
	made := zonesOf(t, zoneLines)
	www := recordSet{Name: "www.example.org.", Type: "A", ChangeType: "REPLACE", Records: []recordText{{Content: "192.0.2.1"}}}

	if err := made.change("example.org", []recordSet{www}); err != nil {
		t.Fatal(err)
	}

	for line := range strings.Lines(zoneLines) {
		if err := made.command(strings.TrimSpace(line)); err != nil {
			t.Fatal(err)
		}
	}

	if found, known, served := made.lookup("www.example.org.", "A"); len(found) != 1 || !known || !served {
		t.Errorf("the record is gone: %v %v %v", found, known, served)
	}

	if found, _, _ := made.lookup("example.org.", "NS"); len(found) != 2 {
		t.Errorf("got %v", found)
	}

	if err := made.command("rm -rf /"); err == nil {
		t.Error("any command is taken for a success")
	}
}

func TestAChangeOfRecordsIsWholeOrNone(t *testing.T) {
	made := zonesOf(t, zoneLines)
	good := recordSet{Name: "a.example.org.", Type: "A", ChangeType: "REPLACE", Records: []recordText{{Content: "192.0.2.1"}}}
	outside := recordSet{Name: "a.example.com.", Type: "A", ChangeType: "REPLACE", Records: []recordText{{Content: "192.0.2.1"}}}

	if err := made.change("example.org.", []recordSet{good, outside}); err == nil || !strings.Contains(err.Error(), "out of zone") {
		t.Errorf("got %v", err)
	}

	if _, known, served := made.lookup("a.example.org.", "A"); known || !served {
		t.Error("half a change was made")
	}

	if _, _, served := made.lookup("a.example.com.", "A"); served {
		t.Error("it answers for a zone that it does not have")
	}
}
