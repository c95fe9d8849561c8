// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package golden_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/record"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	kmsservice "github.com/coffer-secrets/coffer/internal/service/kms"
	"github.com/coffer-secrets/coffer/internal/service/parameterstore"
	smservice "github.com/coffer-secrets/coffer/internal/service/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
	stsservice "github.com/coffer-secrets/coffer/internal/service/sts"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// contentType is that of the protocol's messages.
const contentType = "application/x-amz-json-1.1"

// signingNames are the services, by the prefix of their targets.
var signingNames = map[string]string{"secretsmanager": "secretsmanager", "AmazonSSM": "ssm", "TrentService": "kms"}

// world is the server of one file.
type world struct {
	*servicetest.Server
	t     *testing.T
	mask  *mask
	users map[string]servicetest.Credentials
}

func newWorld(t *testing.T, d *document) *world {
	t.Helper()
	s := servicetest.New(t, func(g *gate.Gate, d *identity.Directory) {
		stsservice.Bind(g, d)
		keys := kmsservice.Bind(g, d)
		smservice.Bind(g, keys, d, functions{})
		parameterstore.Bind(g, keys, d)
	})
	return &world{s, t, newMask(d.written()), map[string]servicetest.Credentials{
		"root":     s.Root,
		"forger":   {AccessKeyID: s.Root.AccessKeyID, SecretAccessKey: "made-up"},
		"stranger": {AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "made-up"},
	}}
}

// give makes what a line says.
func (w *world) give(line string) {
	w.t.Helper()
	what, rest, _ := strings.Cut(w.mask.reveal(line), " ")
	switch what {
	case "user":
		name, actions, _ := strings.Cut(rest, " ")
		var policies []string
		if actions != "" {
			policies = []string{servicetest.Allow("*", strings.Fields(actions)...)}
		}
		w.users[name] = w.User(name, policies...)
	case "clock":
		d, err := time.ParseDuration(rest)
		if err != nil {
			w.t.Fatal(err)
		}
		w.Clock.Advance(d)
	case "disabled":
		w.disable(rest)
	case "later":
		w.Restart()
		w.Settle()
	default:
		times := 1
		if n, err := strconv.Atoi(what); err == nil {
			times = n
			what, rest, _ = strings.Cut(rest, " ")
		}
		for n := range times {
			w.call(what, strings.ReplaceAll(rest, "<n>", strconv.Itoa(n+1)))
		}
	}
}

// call makes a call that has to succeed.
func (w *world) call(target, body string) {
	w.t.Helper()
	header := http.Header{"X-Amz-Target": {target}, "Content-Type": {contentType}}
	answer := w.send(header, body)
	if !strings.HasPrefix(answer, markAnswer+"200 ") {
		w.t.Fatalf("given %s %s: %s", target, body, answer)
	}
	w.mask.hide(answer) // so that later requests can name what it made
}

// disable switches off a KMS key, given by its ARN or its id.
func (w *world) disable(key string) {
	w.t.Helper()
	id := key[strings.LastIndexByte(key, '/')+1:]
	keys := record.New[kmsservice.Key]("kms/key")
	if _, err := w.Store.Update(w.t.Context(), func(tx kv.Tx) error {
		k, err := keys.Get(tx, servicetest.Account, servicetest.Region, id)
		if err != nil || k == nil {
			return fmt.Errorf("no key %s: %w", id, err)
		}
		k.State = "Disabled"
		return keys.Put(tx, k, servicetest.Account, servicetest.Region, id)
	}); err != nil {
		w.t.Fatal(err)
	}
}

// play makes the exchange, and returns its answer.
func (w *world) play(e *exchange) string {
	w.t.Helper()
	for _, line := range e.given {
		w.give(line)
	}
	header, body, err := e.parts()
	if err != nil {
		w.t.Fatal(err)
	}
	return w.mask.hide(w.send(header, w.mask.reveal(body)))
}

// send sends a request as whom Authorization says, and returns the answer as text.
func (w *world) send(header http.Header, body string) string {
	w.t.Helper()
	caller, region, _ := strings.Cut(header.Get("Authorization"), " in ")
	header = header.Clone()
	header.Del("Authorization")
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.URL+"/", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header, req.Close = header, true
	if caller != "nobody" {
		w.sign(req, body, signer{caller, region})
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	resp.Header.Del(gate.MessageHeader) // is sealed, and another each time
	return w.text(resp)
}

// signer is who signs, and for which region; the default is root, for the servicetest's.
type signer struct{ name, region string }

func (w *world) sign(req *http.Request, body string, by signer) {
	w.t.Helper()
	if by.name == "" {
		by.name = "root"
	}
	if by.region == "" {
		by.region = servicetest.Region
	}
	c, known := w.users[by.name]
	if !known {
		w.t.Fatalf("no user %s was given", by.name)
	}
	prefix, _, _ := strings.Cut(req.Header.Get("X-Amz-Target"), ".")
	service, known := signingNames[prefix]
	if !known {
		w.t.Fatalf("no service has the targets %s", prefix)
	}
	signing := sigv4.Signing{
		Credentials: sigv4.Credentials{
			AccessKeyID: c.AccessKeyID, SecretAccessKey: secret.FromString(c.SecretAccessKey), SessionToken: c.SessionToken,
		},
		Region: by.region, Service: service, Time: w.Clock.Now(),
	}
	if err := new(sigv4.Signer).Sign(req, []byte(body), signing); err != nil {
		w.t.Fatal(err)
	}
}

// text is an answer as a file has it: without what says nothing of the operation.
func (w *world) text(resp *http.Response) string {
	w.t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %s\n", resp.Status)
	for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
		if name != "Date" && name != "Content-Length" && name != "Connection" {
			fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(resp.Header[name], ", "))
		}
	}
	if len(body) > 0 {
		b.WriteString("\n")
	}
	if err := json.Indent(&b, body, "", "  "); err != nil {
		w.t.Fatalf("the answer is no JSON: %s", body)
	}
	return b.String()
}
