// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package vault_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/source/vault/vaulttest"
)

const (
	creds    = "database/creds/orders"
	newCreds = "GET " + creds
	renewing = "POST sys/leases/renew"
	asking   = "POST sys/leases/lookup"
)

// leaseCalls reads credentials and checks which they are, and what the server was asked,
// but for engines.
func (l lab) leaseCalls(user string, want ...string) cache.Value {
	l.Helper()
	l.server.Calls()
	v := l.fetch(creds)
	if got := v.Text.RevealString(); !strings.Contains(got, `"username":"`+user+`"`) {
		l.Errorf("%s, want those of %s", got, user)
	}
	var got []string
	for _, c := range l.server.Calls() {
		if !strings.Contains(c, "mounts") {
			got = append(got, c)
		}
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		l.Errorf("the server was asked %v, want %v", got, want)
	}
	return v
}

// endsIn checks when a value ends.
func (l lab) endsIn(v cache.Value, d time.Duration) {
	l.Helper()
	now := time.Now().Add(time.Duration(l.ahead.Load()))
	if got := v.Ends.Sub(now).Round(time.Second); got != d {
		l.Errorf("it ends in %v, want %v", got, d)
	}
}

func TestALeaseIsExtendedUntilItsLongestLife(t *testing.T) {
	bubble(t, func(l lab) {
		l.server.LeaseMax, l.server.TokenMax, l.server.TokenLife = 2*time.Hour, 1000*time.Hour, 100*time.Hour
		first := l.leaseCalls("u1", login, newCreds)
		l.endsIn(first, time.Hour-10*time.Second)
		l.freeze(30 * time.Minute)
		again := l.leaseCalls("u1", renewing)
		l.endsIn(again, time.Hour-10*time.Second)
		if first.VersionID == "" || first.VersionID != again.VersionID || !first.Created.Equal(again.Created) || strings.Contains(first.VersionID, "creds") {
			l.Errorf("versions %q and %q", first.VersionID, again.VersionID)
		}
		l.freeze(60 * time.Minute)
		l.leaseCalls("u1", renewing, newCreds) // ended while frozen: Vault has no such lease
	})
}

func TestALeaseNearItsLongestLifeIsReplaced(t *testing.T) {
	bubble(t, func(l lab) {
		l.server.LeaseMax, l.server.TokenLife = 70*time.Minute, 100*time.Hour
		first := l.leaseCalls("u1", login, newCreds)
		l.freeze(45 * time.Minute)
		l.endsIn(l.leaseCalls("u1", renewing), 25*time.Minute-10*time.Second)
		l.freeze(10 * time.Minute)
		second := l.leaseCalls("u2", renewing, newCreds) // 15 minutes are less than a third
		if first.VersionID == second.VersionID {
			l.Error("new credentials have the old version")
		}
	})
}

func TestALeaseThatIsNotRenewableIsUsedUp(t *testing.T) {
	bubble(t, func(l lab) {
		l.server.LeaseFixed, l.server.TokenLife = true, 100*time.Hour
		l.leaseCalls("u1", login, newCreds)
		l.freeze(30 * time.Minute)
		l.endsIn(l.leaseCalls("u1", asking), 30*time.Minute-10*time.Second)
		l.freeze(15 * time.Minute)
		l.leaseCalls("u2", asking, newCreds)
	})
}

func TestARevokedLeaseIsReplaced(t *testing.T) {
	bubble(t, func(l lab) {
		l.leaseCalls("u1", login, newCreds)
		l.server.RevokeLeases()
		l.leaseCalls("u1", renewing, newCreds)
	})
}

func TestALeaseEndsWithItsToken(t *testing.T) {
	bubble(t, func(l lab) {
		l.server.TokenFixed, l.server.TokenLife = true, 20*time.Minute
		l.endsIn(l.leaseCalls("u1", login, newCreds), 20*time.Minute-10*time.Second)
		l.freeze(15 * time.Minute)
		l.endsIn(l.leaseCalls("u1", renewing), 5*time.Minute-10*time.Second)
		l.freeze(5 * time.Minute)
		l.endsIn(l.leaseCalls("u2", login, renewing, newCreds), 20*time.Minute-10*time.Second)
	})
}

func TestNoNewCredentialsWhileVaultIsDown(t *testing.T) {
	bubble(t, func(l lab) {
		l.leaseCalls("u1", login, newCreds)
		l.server.Set(func(s *vaulttest.Server) { s.Fault = vaulttest.Sealed })
		l.fails(cache.Ref{ID: creds}, "unavailable")
		l.server.Set(func(s *vaulttest.Server) { s.Fault = nil })
		l.leaseCalls("u1", renewing)
	})
}

func TestAllWhoAskShareALease(t *testing.T) {
	bubble(t, func(l lab) {
		l.server.Fault = func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Millisecond)
			return nil, nil
		}
		var wg sync.WaitGroup
		for _, field := range []string{"username", "password", "username", "password"} {
			wg.Go(func() {
				want := map[string]string{"username": "u1", "password": "s3cret 1"}[field]
				l.gives(creds+"#"+field, want)
			})
		}
		wg.Wait()
		if n := strings.Count(strings.Join(l.server.Calls(), "\n"), newCreds); n != 1 {
			l.Errorf("%d leases", n)
		}
	})
}

func TestForgetDropsLeases(t *testing.T) {
	bubble(t, func(l lab) {
		l.leaseCalls("u1", login, newCreds)
		l.Forget()
		l.leaseCalls("u2", login, newCreds)
	})
}

func TestTheCacheNeverGivesOutDeadCredentials(t *testing.T) {
	bubble(t, func(l lab) {
		held, err := cache.New(cache.Config{
			Source: l.Source, Now: func() time.Time { return time.Now().Add(time.Duration(l.ahead.Load())) },
			Secrets: cache.Policy{TTL: 24 * time.Hour, Stale: 24 * time.Hour},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer held.Close()
		get := func() (cache.Status, error) {
			a, err := held.Get(l.Context(), cache.Ref{ID: creds})
			a.Wipe()
			return a.Status, err
		}
		if status, err := get(); status != cache.Miss || err != nil {
			t.Fatal(status, err)
		}
		l.server.Set(func(s *vaulttest.Server) { s.Fault = vaulttest.Down })
		l.freeze(40 * time.Minute)
		if status, err := get(); status != cache.Hit || err != nil {
			t.Error(status, err)
		}
		l.freeze(20 * time.Minute)
		if status, err := get(); err == nil {
			t.Errorf("%s: dead credentials", status)
		}
	})
}

func TestWhatTellsWhenItChangesIsAskedAgainByThen(t *testing.T) {
	bubble(t, func(l lab) {
		l.server.Fault = func(req *http.Request) (*http.Response, error) {
			if strings.HasSuffix(req.URL.Path, "static-creds/app") {
				return vaulttest.Answer(200, `{"lease_id":"","lease_duration":0,"data":{"last_vault_rotation":"2026-11-21T10:00:00Z","password":"p","ttl":90,"username":"app"}}`), nil
			}
			return nil, nil
		}
		v := l.fetch("database/static-creds/app")
		if got := time.Until(v.NotAfter); got != 90*time.Second || !v.Ends.IsZero() {
			l.Errorf("it changes in %v, and ends at %v", got, v.Ends)
		}
	})
}
