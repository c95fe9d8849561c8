// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAProfileIsSetAmongOthers(t *testing.T) {
	t.Parallel()
	const before = "# mine\n[default]\nregion=eu-west-1\n\n[profile  coffer]\nREGION = x\ns3 =\n  region = kept\noutput = json\n[profile other]\nregion = y"
	const after = "# mine\n[default]\nregion=eu-west-1\n\n[profile  coffer]\nendpoint_url = http://localhost\nregion = us-east-1\ns3 =\n  region = kept\noutput = json\n[profile other]\nregion = y\n"
	settings := []pair{{"endpoint_url", "http://localhost"}, {"region", "us-east-1"}, {"ca_bundle", ""}}
	got := withSettings(before, "profile coffer", settings)
	if diff := cmp.Diff(after, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if again := withSettings(got, "profile coffer", settings); again != got {
		t.Errorf("the second time it is %s", again)
	}
	if got := withSettings("", "coffer", settings[:1]); got != "[coffer]\nendpoint_url = http://localhost\n" {
		t.Errorf("the first profile is %q", got)
	}
	if got := withSettings("[a]\nb = c\n", "coffer", settings[:1]); got != "[a]\nb = c\n\n[coffer]\nendpoint_url = http://localhost\n" {
		t.Errorf("the second profile is %q", got)
	}
}

func TestASectionThatIsEmptiedGoes(t *testing.T) {
	t.Parallel()
	none := []pair{{"region", ""}, {"credential_process", ""}}
	for before, after := range map[string]string{
		"": "", "[a]\nb = c": "[a]\nb = c",
		"[a]\nb = c\n\n[profile x]\nregion = y\ncredential_process = z\n":                       "[a]\nb = c\n\n",
		"[profile x]\nregion = y\n\n[a]\nb = c\n":                                               "[a]\nb = c\n",
		"[profile x]\nregion = y\noutput = json\n":                                              "[profile x]\noutput = json\n",
		"[profile x]\n\n# mine\nregion = y\n[profile x]\nregion = z\n[profile y]\nregion = w\n": "[profile x]\n# mine\n[profile y]\nregion = w\n",
	} {
		if diff := cmp.Diff(after, withSettings(before, "profile x", none)); diff != "" {
			t.Errorf("%q: -want +got:\n%s", before, diff)
		}
	}
	want := map[string]string{"region": "y", "s3": "", "credential_process": "a = b"}
	got := settingsOf("[profile x]\nRegion=y\ns3 =\n  region = kept\ncredential_process = a = b\n[other]\nregion = z\n", "profile x")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestASharedFileIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "aws")
	file := filepath.Join(dir, "credentials")
	if err := setProfile(file, "coffer", []pair{{"a", "b"}}); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := setProfile(link, "other", []pair{{"a", "c"}}); err != nil {
		t.Fatal(err)
	}
	if err := setProfile(file, "coffer", []pair{{"a", "b\nc"}}); err == nil {
		t.Error("two lines are one value")
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	text, err2 := os.ReadFile(file)
	if err != nil || err2 != nil || len(entries) != 1 || string(text) != "[coffer]\na = b\n\n[other]\na = c\n" {
		t.Errorf("%v has %q", entries, text)
	}
}
