// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
)

func FuzzParse(f *testing.F) {
	for _, id := range []string{"secret/db", "secret/db#password", "#", "a#b#c", "../sys", "a//b", "/a/", "a?b", "a%2f..", "\x00", "a/\u2025"} {
		f.Add(id, "", "")
		f.Add(id, "1", "AWSPREVIOUS")
	}
	f.Fuzz(func(t *testing.T, id, version, stage string) {
		w, err := parse(&cache.Ref{ID: id, VersionID: version, Stage: stage})
		if err != nil {
			return
		}
		// What is asked for is that path, and nothing that it leads to.
		u, err := url.Parse((&url.URL{Scheme: "https", Host: "vault", Path: prefix + w.path}).String())
		if err != nil || u.Host != "vault" || u.Path != prefix+w.path || u.RawQuery != "" || u.Fragment != "" {
			t.Fatalf("%q becomes %v (%v)", id, u, err)
		}
		if clean := u.JoinPath(".").Path; strings.TrimRight(clean, "/") != u.Path {
			t.Fatalf("%q leads to %q", id, clean)
		}
		for _, kind := range []int{kindUnknown, kindOther, kindKV, kindVersioned} {
			if got := (mount{"secret/", "secret/", kind, time.Time{}}).in(w.path); !isPath(got.path) && len(got.path) <= maxPath {
				t.Fatalf("%q is at %q", id, got.path)
			}
		}
	})
}

func FuzzAnswers(f *testing.F) {
	for _, body := range []string{
		"", "null", "{}", `{"data":null}`, `{"data":{"a":"b"}}`, `{"data":[]}`, `{"lease_duration":-9223372036854775808}`, `{"lease_duration":1e99}`,
		`{"data":{"data":{"a":1},"metadata":{"version":3,"created_time":"2018-03-22T02:24:06.945319214Z","destroyed":false,"deletion_time":""}}}`,
		`{"data":{"data":null,"metadata":{"version":3}}}`, `{"errors":["a","b","c","d"]}`, `{"errors":[]}`, `{"auth":{"client_token":"x","lease_duration":9}}`,
		`{"data":{"last_vault_rotation":"x","ttl":99999999999999}}`,
	} {
		f.Add(200, body)
		f.Add(403, body)
	}
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if err := refusal(&Answer{Status: status, Body: []byte(body)}); err != nil && len(err.Error()) > 2*maxMessages*maxMessage {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
		r, err := decode([]byte(body))
		if err != nil {
			return
		}
		if d := seconds(r.LeaseDuration); d < 0 || now.Add(d).Before(now) {
			t.Errorf("a lease of %v", d)
		}
		if !r.hasData() {
			return
		}
		_ = looksVersioned(r)
		if v := r.plain(now, []byte("key")); v.Text.Len() == 0 || !v.NotAfter.IsZero() && v.NotAfter.Before(now) {
			t.Errorf("%v", v)
		}
		if r, _ = decode([]byte(body)); r != nil {
			if v, err := r.versioned(now); err == nil && (v.Text.Len() == 0 || v.VersionID == "") {
				t.Errorf("%v", v)
			}
		}
	})
}

func TestRedirectsKeepWhatIsAsked(t *testing.T) {
	t.Parallel()
	s := &server{}
	from := &url.URL{Scheme: "https", Host: "a:8200", Path: "/v1/x"}
	for _, status := range []int{200, 300, 303, 304, 400} {
		if to, err := s.redirect(from, &http.Response{StatusCode: status, Header: http.Header{"Location": {"/v1/y"}}, Body: http.NoBody}); to != nil || err != nil {
			t.Errorf("%d: %v, %v", status, to, err)
		}
	}
}
