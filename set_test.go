// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package coffer_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/coffer-secrets/coffer"
	"github.com/coffer-secrets/coffer/coffertest"
)

func TestWhatWasSetIsWhatIsRead(t *testing.T) {
	seeds := []coffertest.Option{coffertest.Parameter("/dir/plain", "0")}
	everywhere(t, seeds, func(t *testing.T, srv *coffertest.Server, c *coffer.Client) {
		for i := range 3 {
			value := fmt.Sprint("value ", i)
			id, err := c.SetSecret(background, "s", value, coffer.Description("a secret"))
			if err != nil {
				t.Fatal(err)
			}
			if s, err := c.Secret(background, "s"); err != nil || s.Text() != value || s.VersionID != id {
				t.Errorf("%v, %v, want version %s", s, err, id)
			}
			version, err := c.SetParameter(background, "/dir/p", value)
			if err != nil || version != fmt.Sprint(i+1) {
				t.Errorf("version %s, %v", version, err)
			}
			if got, err := c.Parameter(background, "/dir/p"); err != nil || got != value {
				t.Errorf("%q, %v", got, err)
			}
			if got, err := c.ParametersByPath(background, "/dir"); err != nil || got["p"] != value {
				t.Errorf("%v, %v", got, err)
			}
		}
		if _, err := c.SetParameter(background, "/dir/plain", "1"); err != nil {
			t.Errorf("a parameter that is there: %v", err)
		}
		if _, err := c.SetSecret(background, "b", "\x00\xff", coffer.Binary()); err != nil {
			t.Fatal(err)
		}
		if s, err := c.Secret(background, "b"); err != nil || !s.Binary() || s.Text() != "\x00\xff" {
			t.Errorf("%v, %v", s, err)
		}
		if _, err := c.SetSecret(background, "s", "next", coffer.Stages("NEXT")); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Get(background, "s"); err != nil || got != "value 2" {
			t.Errorf("another label than AWSCURRENT moved that: %q, %v", got, err)
		}
	})
}

func TestWhatCannotBeSet(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t, coffertest.Secret("s", "v"))
	c := srv.As("reader", coffertest.Allow("secretsmanager:GetSecretValue")).Client()
	_, err := c.SetSecret(background, "s", "hunter2")
	e, ok := errors.AsType[*coffer.Error](err)
	if !ok || e.ID != "s" || !errors.Is(err, coffer.ErrAccessDenied) || !strings.HasPrefix(err.Error(), `coffer: setting "s"`) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
	if _, err := c.SetParameter(background, "/p", "hunter2"); !errors.Is(err, coffer.ErrAccessDenied) {
		t.Errorf("%v", err)
	}
	root := srv.Client()
	if _, err := root.SetParameter(background, "/p", "v", coffer.Type("Wrong")); err == nil {
		t.Error("a type that there is not")
	}
	root.Close()
	if _, err := root.SetSecret(background, "s", "v"); err == nil {
		t.Error("a closed client sets")
	}
}

func TestSetSecretWhichSomebodyElseMakes(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if _, err := srv.Client().SetSecret(background, "s", fmt.Sprint(i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
