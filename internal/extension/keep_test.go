// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// held returns what a file has, or "none".
func held(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return "none"
	}
	return string(b)
}

func TestFilesAreThereFromTheFirstInvoke(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	bubble(t, func(l *lab) {
		l.start(map[string]string{"COFFER_FILES": path + "=db,not a file"})
		if got := held(path); got != "s3cret 1" {
			l.t.Errorf("after INIT the file has %q", got)
		}
		if log := strings.Join(l.log(), "\n"); strings.Count(log, "a file of COFFER_FILES is left out") != 1 {
			l.t.Errorf("logged:\n%s", log)
		}
		l.invoke(secretPath, "200 HIT s3cret 1", 0)
		l.cloud.set(func(c *cloud) { c.version = 2 })
		l.freeze(time.Hour)
		l.invoke(secretPath, "200 * s3cret 2", 1)
		synctest.Wait()
		if got := held(path); got != "s3cret 2" {
			l.t.Errorf("after a rotation the file has %q", got)
		}
		l.t.Cleanup(func() {
			if got := held(path); got != "none" {
				l.t.Errorf("after the end the file has %q", got)
			}
		})
		if err := l.host.Shutdown(l.t.Context()); err != nil {
			l.t.Error(err)
		}
	})
}

func TestASourceThatIsDownKeepsFilesOutAndTheFunctionIn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	bubble(t, func(l *lab) {
		l.cloud.fault = "down"
		l.start(map[string]string{"COFFER_FILES": path + "=db"})
		l.invoke(secretPath, "400 ConnectionError", anyCalls)
		l.cloud.set(func(c *cloud) { c.fault = "" })
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := held(path); got != "s3cret 1" {
			l.t.Errorf("when the source is back the file has %q", got)
		}
	})
}

func TestSnapStartWritesNoFileBeforeTheRestore(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	l := newLab(t)
	l.start(map[string]string{"COFFER_FILES": path + "=db"}, func(c *lambdahost.Config) {
		c.InitializationType, c.Listener, c.InitTimeout = lambdahost.SnapStart, nil, time.Minute
	})
	if got := held(path); got != "none" {
		t.Errorf("in the snapshot the file has %q", got)
	}
	l.host.SetCredentials(lambdahost.Credentials{AccessKeyID: "AKIDRESTORED", SecretAccessKey: secret.NewText("s"), SessionToken: secret.NewText("t")})
	if err := l.host.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	event := `"` + secretPath + `"`
	if _, err := l.host.Invoke(t.Context(), []byte(event)); err != nil {
		t.Fatal(err)
	}
	if got := held(path); got != "s3cret 1" {
		t.Errorf("after the first INVOKE the file has %q", got)
	}
}

func TestFilesAreLookedAtAsOftenAsValuesChange(t *testing.T) {
	t.Parallel()
	for want, s := range map[time.Duration]agent.Settings{
		10 * time.Second: {Secrets: cache.Policy{TTL: time.Hour}, Parameters: cache.Policy{Bypass: true}},
		3 * time.Second:  {Secrets: cache.Policy{TTL: time.Hour}, Parameters: cache.Policy{TTL: 3 * time.Second}},
		time.Second:      {Secrets: cache.Policy{TTL: time.Millisecond}},
	} {
		if got := lookEvery(s); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
}
