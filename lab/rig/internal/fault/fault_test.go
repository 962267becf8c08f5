package fault

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for _, bad := range []string{`{`, `{"fault":"gremlins"}`, `{}`, `{"fault":"clock-skew"}`} {
		if f, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%s is accepted as %+v", bad, f)
		}
	}

	f, err := Parse([]byte(`{"fault":"api-denied","seconds":30,"until":"2000-01-01T00:00:00Z"}`))
	if err != nil || f.Until == nil || time.Until(*f.Until) < 25*time.Second {
		t.Errorf("%+v %v", f, err)
	}
}

func TestSet(t *testing.T) {
	set := NewSet(nil)
	changed := set.Changed()

	set.Add(Fault{Kind: Hang})
	set.Add(Fault{Kind: Hang})
	set.Add(Fault{Kind: ClockSkew, Seconds: 90})

	select {
	case <-changed:
	default:
		t.Error("a change is not signalled")
	}

	if len(set.List()) != 2 || !set.Has(Hang) || set.Skew() != 90*time.Second {
		t.Errorf("%+v", set.List())
	}

	past := time.Now().Add(-time.Second)
	set.Add(Fault{Kind: APIDenied, Until: &past})

	if set.Has(APIDenied) {
		t.Error("a fault outlives its time")
	}

	if removed := set.Remove(Hang); len(removed) != 1 || set.Has(Hang) {
		t.Errorf("removed %+v", removed)
	}

	if removed := set.Remove(""); len(removed) != 1 || len(set.List()) != 0 {
		t.Errorf("removed %+v", removed)
	}
}
