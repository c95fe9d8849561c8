// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/coffer-secrets/coffer/internal/oidc/oidctest"
)

// people are those who log in at the issuers of the scripts.
type people struct {
	t    *testing.T
	byID sync.Map // URL of an issuer -> *oidctest.Person
}

func (p *people) issuer(ts *testscript.TestScript, _ bool, args []string) {
	person := &oidctest.Person{Claims: map[string]any{"sub": "u-1", "aud": "coffer-cli", "email": "ada@example.com"}}
	for _, says := range args[1:] {
		if person.NoRefresh = person.NoRefresh || says == "-norefresh"; says != "-norefresh" {
			person.Says = append(person.Says, says)
		}
	}
	issuer := oidctest.New(p.t)
	issuer.Meet(person)
	p.byID.Store(issuer.URL, person)
	ts.Setenv(args[0], issuer.URL)
	ts.Setenv(args[0]+"_HOST", issuer.Host())
}

func (p *people) asked(ts *testscript.TestScript, _ bool, args []string) {
	person, _ := p.byID.Load(ts.Getenv(args[0]))
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	for len(person.(*oidctest.Person).Forms()) == 0 {
		if ctx.Err() != nil {
			ts.Fatalf("nobody has asked %s", args[0])
		}
		pause(ctx, 10*time.Millisecond)
	}
}

func (p *people) forget(ts *testscript.TestScript, _ bool, args []string) {
	person, _ := p.byID.Load(ts.Getenv(args[0]))
	person.(*oidctest.Person).LogOut()
}

func ends(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	text, err := os.ReadFile(path)
	ts.Check(err)
	left, err := time.ParseDuration(args[1])
	ts.Check(err)
	var kept map[string]any
	ts.Check(json.Unmarshal(text, &kept))
	kept["Credentials"].(map[string]any)["Expiration"] = time.Now().Add(left)
	text, err = json.Marshal(kept)
	ts.Check(err)
	ts.Check(os.WriteFile(path, text, 0o600))
}
