// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// smallDisk is a file system of its own of that many MiB.
func smallDisk(t *testing.T, mib int) string {
	t.Helper()
	dir := t.TempDir()
	mountMemory(t, dir, mib)
	return dir
}

// fillUp takes all room that is left on the disk, and returns what gives it back.
func fillUp(t *testing.T, dir string) (release func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size >= 1; size /= 2 {
		for chunk := make([]byte, size); err == nil; {
			_, err = f.Write(chunk)
		}
		err = nil
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// recovers waits until a call succeeds, for a server that finds out by itself that
// there is room again.
func (h *house) recovers(target, body string) answer {
	h.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		a := h.answered(target, body)
		if a.Status == http.StatusOK {
			return a
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%s: still %s", target, a)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// TestStoreIsFull fills the store's disk up with writes until there is no room: then
// writes answer an error and have no effect, reads go on, and with room again so do
// writes, without a restart.
func TestStoreIsFull(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, 24)
	h := newHouseIn(t, filepath.Join(disk, "data"), "--audit-file", filepath.Join(t.TempDir(), "audit.log"))
	h.must("secretsmanager.CreateSecret", fmt.Sprintf(`{"Name":"full","ClientRequestToken":%q,"SecretString":"1"}`, token("full", 1)))
	release := fillUp(t, disk)

	// What is free within the database is used up first.
	kept, refused := 1, answer{}
	value := func(n int) string { return fmt.Sprintf("%d %s", n, strings.Repeat("x", 60_000)) }
	put := func(n int) answer {
		return h.answered("secretsmanager.PutSecretValue", fmt.Sprintf(`{"SecretId":"full","ClientRequestToken":%q,"SecretString":%q}`, token("full", n), value(n)))
	}
	for kept < 2000 {
		if refused = put(kept + 1); refused.Status != http.StatusOK {
			break
		}
		kept++
	}
	if refused.Status != http.StatusServiceUnavailable || refused.Code != "ServiceUnavailable" {
		t.Fatalf("after %d writes: %s", kept, refused)
	}
	t.Logf("no room after %d writes", kept)
	for n := range 20 {
		if a := put(kept + 1); a.Status != http.StatusServiceUnavailable {
			t.Fatalf("write %d without room: %s", n, a)
		}
		a := h.must("secretsmanager.GetSecretValue", `{"SecretId":"full"}`)
		if want := value(kept); kept > 1 && a.member("SecretString") != want || a.member("VersionId") != token("full", kept) {
			t.Fatalf("after a refused write the secret is %s", a)
		}
	}
	if a := h.answered("secretsmanager.GetSecretValue", fmt.Sprintf(`{"SecretId":"full","VersionId":%q}`, token("full", kept+1))); a.Code != "ResourceNotFoundException" {
		t.Errorf("the version of a refused write: %s", a)
	}
	if status, body := h.get("/healthz"); status != http.StatusOK {
		t.Errorf("a server that answers reads is not healthy: %d %s", status, body)
	}

	release()
	if a := h.recovers("secretsmanager.PutSecretValue", fmt.Sprintf(`{"SecretId":"full","ClientRequestToken":%q,"SecretString":%q}`, token("full", kept+1), value(kept+1))); a.member("VersionId") != token("full", kept+1) {
		t.Errorf("with room again: %s", a)
	}
	h.restart(t)
	if a := h.must("secretsmanager.GetSecretValue", `{"SecretId":"full"}`); a.member("SecretString") != value(kept+1) {
		t.Errorf("after a restart: %s", a)
	}
}

// TestAuditLogIsFull does the same to the disk of the audit log: then no call is
// served, neither reads nor writes, and none has an effect.
func TestAuditLogIsFull(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, 8)
	log := filepath.Join(disk, "audit.log")
	h := newHouse(t, "--audit-file", log)
	create := func(n int) answer {
		return h.answered("secretsmanager.CreateSecret", fmt.Sprintf(`{"Name":"full/%d","ClientRequestToken":%q,"SecretString":"hidden"}`, n, token("full", n)))
	}
	if a := create(0); a.Status != http.StatusOK {
		t.Fatal(a)
	}
	release := fillUp(t, disk)
	// What was allocated ahead of the log is used up first, by failing calls.
	calls := 0
	for ; calls < 100_000; calls++ {
		if a := h.answered("secretsmanager.GetSecretValue", fmt.Sprintf(`{"SecretId":"none/%s"}`, strings.Repeat("x", 400))); a.Status == http.StatusServiceUnavailable {
			break
		}
	}
	t.Logf("no room after %d calls", calls)
	for n := 1; n < 20; n++ {
		if a := create(n); a.Status != http.StatusServiceUnavailable {
			t.Fatalf("a write without a log: %s", a)
		}
		if a := h.answered("secretsmanager.GetSecretValue", `{"SecretId":"full/0"}`); a.Status != http.StatusServiceUnavailable || strings.Contains(string(a.Body), "hidden") {
			t.Fatalf("a read without a log: %s", a)
		}
	}
	if status, _ := h.get("/healthz"); status != http.StatusServiceUnavailable {
		t.Errorf("/healthz without a log: %d", status)
	}

	release()
	h.recovers("secretsmanager.GetSecretValue", `{"SecretId":"full/0"}`)
	if a := h.must("secretsmanager.ListSecrets", `{}`); strings.Count(string(a.Body), `"Name":"full/`) != 1 {
		t.Errorf("a refused write had an effect: %s", a)
	}
	if a := create(1); a.Status != http.StatusOK {
		t.Errorf("a write with room again: %s", a)
	}
	h.stop(t)
	created := 0
	for _, r := range records(t, log) {
		if r.EventName == "CreateSecret" && r.ErrorCode == "" {
			created++
		}
	}
	if created != 2 {
		t.Errorf("%d records of 2 creations", created)
	}
	t.Log(strings.TrimSpace(mustRun(t, "audit", "verify", "--data", h.Data, "--audit-file", log)))
}

// TestAuditLogIsTaken takes the log away from under a running server, in the ways that
// a file can be. What is called from then on is recorded, and what is gone is found.
func TestAuditLogIsTaken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		take   func(path string) error
		files  []string // of the log, oldest first, relative to it
		sound  bool     // whether the log verifies afterwards
		notice string
	}{
		"renamed":        {func(p string) error { return os.Rename(p, p+".1") }, []string{".1", ""}, true, "LogFileRenamed"},
		"deleted":        {os.Remove, []string{""}, false, "LogFileDeleted"},
		"cut to nothing": {func(p string) error { return os.Truncate(p, 0) }, []string{""}, false, ""},
		"written over":   {func(p string) error { return os.WriteFile(p, []byte("nothing happened\n"), 0o600) }, []string{""}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			for n := range 5 {
				h.must("AmazonSSM.PutParameter", fmt.Sprintf(`{"Name":"/before/%d","Value":"x","Type":"String"}`, n))
			}
			h.must("AmazonSSM.GetParameter", `{"Name":"/before/0"}`) // so that the log has all of them
			if err := c.take(h.auditFile()); err != nil {
				t.Fatal(err)
			}
			acknowledged := map[string]bool{}
			for n := range 20 {
				a := h.answered("AmazonSSM.PutParameter", fmt.Sprintf(`{"Name":"/after/%d","Value":"x","Type":"String"}`, n))
				if a.Status == http.StatusOK {
					acknowledged[a.RequestID] = true
				}
				if a := h.answered("AmazonSSM.GetParameter", `{"Name":"/before/0"}`); a.Status == http.StatusOK {
					acknowledged[a.RequestID] = true
				}
				<-time.After(75 * time.Millisecond) // the path is looked at each second
			}
			stopped := run(t, "audit", "verify", "--data", h.Data)
			if sound := stopped.Code == 0; !c.sound && sound {
				t.Errorf("the log verifies: %s", stopped.Stdout)
			}
			h.kill(t) // so that it is found as it is
			var files, lines []string
			for _, suffix := range c.files {
				files = append(files, h.auditFile()+suffix)
				data, err := os.ReadFile(h.auditFile() + suffix)
				if err != nil {
					t.Fatal(err)
				}
				lines = append(lines, string(data))
			}
			all := strings.Join(lines, "")
			for id := range acknowledged {
				if strings.Count(all, `"requestID":"`+id+`"`) != 1 && (c.sound || c.notice != "") {
					t.Errorf("request %s was answered and is %d times in the log", id, strings.Count(all, id))
				}
			}
			if len(acknowledged) == 0 {
				t.Error("the server did not serve any more")
			}
			if !strings.Contains(all, c.notice) {
				t.Errorf("the log does not say %s", c.notice)
			}
			if r := run(t, append([]string{"audit", "verify"}, files...)...); (r.Code == 0) != c.sound {
				t.Errorf("verifying: %d %s%s", r.Code, r.Stdout, r.Stderr)
			}
		})
	}
}

// TestAnotherServerIsKeptOut holds that two servers never share a data directory.
func TestAnotherServerIsKeptOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, args := range [][]string{
		{"server", "--data", h.Data, "--listen", "127.0.0.1:0"},
		{"dev", "--data", h.Data, "--listen", "127.0.0.1:0"},
		{"key", "list", "--data", h.Data},
		{"seal", "rotate", "--data", h.Data},
	} {
		if r := run(t, args...); r.Code != 1 || !strings.Contains(r.Stderr, "in use by another process") || strings.Count(r.Stderr, "\n") > 2 {
			t.Errorf("coffer %s: %d %s", args[0], r.Code, r.Stderr)
		}
	}
	h.must("secretsmanager.ListSecrets", `{}`)
}
