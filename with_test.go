// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coffer-secrets/coffer"
)

var errLogin = errors.New("password authentication failed")

// login returns a function for With that accepts one password and notes what it was given.
func login(accepted string, tried *[]string) func(coffer.Secret) error {
	return func(s coffer.Secret) error {
		*tried = append(*tried, s.Text())
		if s.Text() != accepted {
			return coffer.AuthFailed(errLogin)
		}
		return nil
	}
}

func TestWith(t *testing.T) {
	for name, test := range map[string]struct {
		accepted string
		rotated  bool // between the first read and the use
		tried    string
		err      error
	}{
		"a secret that works":            {"value 2", false, "value 2", nil},
		"a secret that was rotated":      {"value 3", true, "value 2, value 3", nil},
		"a rotation that is under way":   {"value 1", false, "value 2, value 1", nil},
		"a secret that never worked":     {"another", false, "value 2, value 1", errLogin},
		"a new one that does not work":   {"another", true, "value 2, value 3", errLogin},
		"a rotation back to what it was": {"value 2", true, "value 2", nil},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, s *service, c *coffer.Client) {
				s.set(func(s *service) { s.current = 2 })
				if _, err := c.Get(background, "db"); err != nil {
					t.Fatal(err)
				}
				if test.rotated {
					s.set(func(s *service) { s.current = 3 })
				}
				var tried []string
				err := c.With(background, "db", login(test.accepted, &tried))
				if !errors.Is(err, test.err) || strings.Join(tried, ", ") != test.tried {
					t.Errorf("tried %v, %v", tried, err)
				}
			})
		})
	}
}

func TestWithLeavesOtherErrorsAlone(t *testing.T) {
	both(t, func(t *testing.T, s *service, c *coffer.Client) {
		other := errors.New("disk full")
		if err := c.With(background, "db", func(coffer.Secret) error { return other }); err != other {
			t.Errorf("%v", err)
		}
		var tried []string
		if err := c.With(background, "db", login("x", &tried), coffer.VersionID("v1")); !errors.Is(err, errLogin) || len(tried) != 1 {
			t.Errorf("a version that was asked for by name was replaced: %v, %v", tried, err)
		}
		s.set(func(s *service) { s.fault = "AccessDeniedException" })
		if err := c.With(background, "no", func(coffer.Secret) error { t.Error("called"); return nil }); !errors.Is(err, coffer.ErrAccessDenied) {
			t.Errorf("%v", err)
		}
	})
}

func TestWithOverAnExtensionOfAWSs(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/secretsmanager/get" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, `{"Name":"db","VersionId":"v1","SecretString":"value 1"}`)
	}))
	defer srv.Close()
	c := coffer.New(coffer.Config{Agent: srv.URL, Getenv: env()})
	defer c.Close()
	var tried []string
	if err := c.With(background, "db", login("x", &tried)); !errors.Is(err, errLogin) || len(tried) != 1 {
		t.Errorf("%v, %v", tried, err)
	}
}

func TestAuthFailed(t *testing.T) {
	t.Parallel()
	err := coffer.AuthFailed(errLogin)
	if !errors.Is(err, coffer.ErrAuthentication) || !errors.Is(err, errLogin) || coffer.AuthFailed(nil) != nil {
		t.Errorf("%v", err)
	}
}
