// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"encoding/base64"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/agent"
)

func TestAnotherRegionStandsIn(t *testing.T) {
	bubble(t, func(l *lab) {
		l.cloud.fault, l.cloud.spared = "hangs", "us-east-2"
		l.start(map[string]string{"COFFER_FALLBACK_REGION": "us-east-2"})
		l.invoke(secretPath, "200 STALE s3cret 1", anyCalls)
		l.invoke(secretPath, "200 STALE s3cret 1", 0)
		l.cloud.set(func(c *cloud) { c.version = 2 })
		l.freeze(2 * time.Minute)
		l.invoke(secretPath, "200 STALE s3cret 2", anyCalls)
		l.invoke(parameterPath, "200 STALE parameter 2", anyCalls)
		l.cloud.set(func(c *cloud) { c.fault = "" })
		l.freeze(2 * time.Minute)
		l.invoke(secretPath, "200 * s3cret 2", 1)
		l.cloud.set(func(c *cloud) { c.fault = "AccessDeniedException" })
		l.freeze(10 * time.Minute)
		l.invoke(secretPath, "400 AccessDeniedException", anyCalls)
	})
}

func TestTheLastValuesStandInAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "last")
	bubble(t, func(l *lab) {
		l.start(map[string]string{
			"COFFER_FALLBACK_FILE": path, "COFFER_FALLBACK_KEY": base64.StdEncoding.EncodeToString(make([]byte, 32)), "COFFER_FALLBACK_MAX_AGE": "2h",
		})
		l.invoke(secretPath, "200 MISS s3cret 1", 1)
		l.cloud.set(func(c *cloud) { c.fault = "down" })
		if res, err := l.host.Invoke(l.t.Context(), []byte(`"crash"`)); err != nil || res.FunctionError == "" {
			l.t.Fatalf("%+v, %v", res, err)
		}
		l.invoke(secretPath, "200 STALE s3cret 1", anyCalls)
		l.invoke(parameterPath, "400 ConnectionError", anyCalls)
		l.freeze(3 * time.Hour)
		l.invoke(secretPath, "400 ConnectionError", anyCalls)
	})
	if data, err := os.ReadFile(path); err != nil || strings.Contains(string(data), "s3cret") {
		t.Errorf("the file: %v", err)
	}
}

func TestUnderSnapStartThereIsNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "last")
	p := &process{getenv: func(name string) string {
		return map[string]string{
			"COFFER_FALLBACK_FILE": path, "COFFER_FALLBACK_KEY": base64.StdEncoding.EncodeToString(make([]byte, 32)),
			"AWS_LAMBDA_INITIALIZATION_TYPE": snapStart,
		}[name]
	}, now: time.Now}
	log, lines := logged()
	if got := p.withFile(nil, log); got != nil || !strings.Contains(lines.String(), "SnapStart") {
		t.Errorf("%v, logged %s", got, lines)
	}
}

func TestWrongSettingsOfWhatStandsIn(t *testing.T) {
	t.Parallel()
	good := base64.StdEncoding.EncodeToString(make([]byte, 32))
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte(good+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		env  map[string]string
		used bool
		say  string
	}{
		"nothing":                 {nil, false, ""},
		"a key":                   {map[string]string{"COFFER_FALLBACK_FILE": "/x", "COFFER_FALLBACK_KEY": good}, true, ""},
		"a key in a file":         {map[string]string{"COFFER_FALLBACK_FILE": "/x", "COFFER_FALLBACK_KEY_FILE": keyFile}, true, ""},
		"no key":                  {map[string]string{"COFFER_FALLBACK_FILE": "/x"}, false, "is not 32 bytes in base64"},
		"a short key":             {map[string]string{"COFFER_FALLBACK_FILE": "/x", "COFFER_FALLBACK_KEY": "aHVudGVyMg=="}, false, "is not 32 bytes in base64"},
		"no file with the key":    {map[string]string{"COFFER_FALLBACK_FILE": "/x", "COFFER_FALLBACK_KEY_FILE": keyFile + "s"}, false, "COFFER_FALLBACK_KEY_FILE: open"},
		"an age without a unit":   {map[string]string{"COFFER_FALLBACK_FILE": "/x", "COFFER_FALLBACK_KEY": good, "COFFER_FALLBACK_MAX_AGE": "24"}, false, "COFFER_FALLBACK_MAX_AGE is not"},
		"an age of a year":        {map[string]string{"COFFER_FALLBACK_FILE": "/x", "COFFER_FALLBACK_KEY": good, "COFFER_FALLBACK_MAX_AGE": "8760h"}, false, "COFFER_FALLBACK_MAX_AGE is not"},
		"a region":                {map[string]string{"COFFER_FALLBACK_REGION": "us-east-2"}, true, ""},
		"no region":               {map[string]string{"COFFER_FALLBACK_REGION": "us.east"}, false, "can't be a part of a host name"},
		"a region of an endpoint": {map[string]string{"COFFER_FALLBACK_REGION": "us-east-2", "COFFER_ENDPOINT": "https://c.test"}, false, "needs COFFER_FALLBACK_ENDPOINT"},
		"an endpoint":             {map[string]string{"COFFER_FALLBACK_ENDPOINT": "https://d.test", "COFFER_ENDPOINT": "https://c.test"}, true, ""},
		"no endpoint":             {map[string]string{"COFFER_FALLBACK_ENDPOINT": "d.test"}, false, "want http"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, lines := logged()
			p := &process{getenv: func(name string) string { return c.env[name] }, now: time.Now}
			primary := &forgetful{}
			var got any = p.withFile(p.withReplica(primary, agent.SettingsFrom(p.getenv), log), log)
			if used := got != any(primary); used != c.used {
				t.Errorf("used %t", used)
			}
			if text := lines.String(); (c.say == "") != (text == "") || !strings.Contains(text, c.say) || strings.Contains(text, "hunter2") {
				t.Errorf("logged %q", text)
			}
		})
	}
}

// logged is a log whose lines a test can read.
func logged() (*slog.Logger, *strings.Builder) {
	var b strings.Builder
	return slog.New(slog.NewTextHandler(&b, nil)), &b
}
