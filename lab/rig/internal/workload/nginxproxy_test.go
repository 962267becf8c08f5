package workload

import (
	"testing"

	"golang.org/x/crypto/bcrypt"
	networkingv1 "k8s.io/api/networking/v1"
)

func TestAPathCoversWhatIsBelowIt(t *testing.T) {
	prefix, exact := networkingv1.PathTypePrefix, networkingv1.PathTypeExact

	for _, one := range []struct {
		rule   networkingv1.HTTPIngressPath
		path   string
		covers bool
	}{
		{networkingv1.HTTPIngressPath{Path: "/", PathType: &prefix}, "/a/b", true},
		{networkingv1.HTTPIngressPath{Path: "/a", PathType: &prefix}, "/a", true},
		{networkingv1.HTTPIngressPath{Path: "/a/", PathType: &prefix}, "/a/b", true},
		{networkingv1.HTTPIngressPath{Path: "/a", PathType: &prefix}, "/ab", false},
		{networkingv1.HTTPIngressPath{Path: "/a", PathType: &exact}, "/a", true},
		{networkingv1.HTTPIngressPath{Path: "/a", PathType: &exact}, "/a/b", false},
	} {
		if covers(one.rule, one.path) != one.covers {
			t.Errorf("%s %s covers %s: not %v", *one.rule.PathType, one.rule.Path, one.path, one.covers)
		}
	}
}

func TestWhoIsInTheLinesMayEnter(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("open sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}

	lines := []byte("ali:" + string(hash) + "\nbaba:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\nplain:text\n")

	for _, one := range []struct {
		user, password string
		known          bool
	}{
		{"ali", "open sesame", true}, {"ali", "open barley", false}, {"baba", "password", true}, {"baba", "", false},
		{"plain", "text", false}, {"", "", false}, {"nobody", "open sesame", false},
	} {
		if knows(lines, one.user, one.password) != one.known {
			t.Errorf("%s with %q: not %v", one.user, one.password, one.known)
		}
	}
}
