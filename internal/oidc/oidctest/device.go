// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package oidctest

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// UserCode is the code that people have to confirm.
const UserCode = "WDJB-MJHT"

// Person is who logs in at an issuer by the device authorization grant (RFC 8628), and how
// the issuer behaves meanwhile. Its methods may be called concurrently.
type Person struct {
	// Claims are those of the ID tokens, which have iat and exp of their own.
	Claims map[string]any
	// Says are the errors that the first questions for tokens are answered with, such as
	// "slow_down".
	Says []string
	// Interval and Life are how many seconds to wait between two questions, and how long
	// the code lives. Zero means one, and 600.
	Interval, Life int
	// NoRefresh leaves out refresh tokens.
	NoRefresh bool

	mu      sync.Mutex
	forms   []url.Values
	refresh string // the one that is good
}

// Forms are the forms that were sent so far.
func (p *Person) Forms() []url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]url.Values{}, p.forms...)
}

// LogOut has the issuer forget the refresh token.
func (p *Person) LogOut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refresh = ""
}

// Meet has somebody log in at the issuer.
func (i *Issuer) Meet(p *Person) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.person = p
}

// serve answers at the endpoints of the grant. A refresh token is good once.
func (p *Person) serve(i *Issuer, w http.ResponseWriter, req *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = req.ParseForm()
	p.forms = append(p.forms, req.PostForm)
	answer := map[string]any{}
	switch path := req.URL.Path; {
	case path == "/device":
		answer = map[string]any{
			"device_code": "device-code", "user_code": UserCode, "verification_uri": i.URL + "/activate",
			"verification_uri_complete": i.URL + "/activate?user_code=" + UserCode, "expires_in": cmp.Or(p.Life, 600), "interval": cmp.Or(p.Interval, 1),
		}
	case path == "/revoke":
		p.refresh = ""
	case req.PostForm.Get("grant_type") == "refresh_token" && (p.refresh == "" || req.PostForm.Get("refresh_token") != p.refresh):
		answer["error"] = "invalid_grant"
	case req.PostForm.Get("grant_type") != "refresh_token" && len(p.Says) > 0:
		answer["error"], p.Says = p.Says[0], p.Says[1:]
	default:
		answer["id_token"] = i.Token(p.claims())
		if !p.NoRefresh {
			p.refresh = rand.Text()
			answer["refresh_token"] = p.refresh
		}
	}
	if answer["error"] != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (p *Person) claims() map[string]any {
	now := time.Now()
	all := map[string]any{"iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	maps.Copy(all, p.Claims)
	return all
}
