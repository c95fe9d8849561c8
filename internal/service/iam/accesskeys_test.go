// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package iam_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// makeKey makes an access key of a user, or the caller.
func makeKey(t *testing.T, c *iam.Client, user *string) (servicetest.Credentials, *types.AccessKey) {
	t.Helper()
	out, err := c.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: user})
	if err != nil {
		t.Fatal(err)
	}
	return servicetest.Credentials{AccessKeyID: *out.AccessKey.AccessKeyId, SecretAccessKey: *out.AccessKey.SecretAccessKey}, out.AccessKey
}

func setStatus(t *testing.T, c *iam.Client, user *string, id string, status types.StatusType) {
	t.Helper()
	if _, err := c.UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{UserName: user, AccessKeyId: &id, Status: status}); err != nil {
		t.Fatal(err)
	}
}

func TestAccessKey(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	makeUsers(t, c, "ada")
	key, made := makeKey(t, c, new("ada"))
	if *made.UserName != "ada" || made.Status != types.StatusTypeActive || !strings.HasPrefix(key.AccessKeyID, "AKIA") || len(key.SecretAccessKey) != 40 {
		t.Errorf("made: %s %s of %s", made.Status, key.AccessKeyID, *made.UserName)
	}
	second, _ := makeKey(t, c, new("ada"))
	_, err := c.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: new("ada")})
	wantFault(t, "a third key", err, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
	setStatus(t, c, new("ada"), second.AccessKeyID, types.StatusTypeInactive)
	_, err = c.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: new("ada")})
	wantFault(t, "a third key beside an inactive one", err, "LimitExceeded", "")

	listed, err := c.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: new("ada")})
	if err != nil {
		t.Fatal(err)
	}
	want := []types.AccessKeyMetadata{
		{AccessKeyId: &key.AccessKeyID, UserName: new("ada"), Status: types.StatusTypeActive},
		{AccessKeyId: &second.AccessKeyID, UserName: new("ada"), Status: types.StatusTypeInactive},
	}
	if diff := cmp.Diff(want, listed.AccessKeyMetadata, cmpopts.IgnoreUnexported(types.AccessKeyMetadata{}), cmpopts.IgnoreFields(types.AccessKeyMetadata{}, "CreateDate"),
		cmpopts.SortSlices(func(a, b types.AccessKeyMetadata) bool { return *a.AccessKeyId < *b.AccessKeyId })); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	for _, id := range []string{key.AccessKeyID, second.AccessKeyID} {
		if _, err := c.DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{UserName: new("ada"), AccessKeyId: &id}); err != nil {
			t.Error(err)
		}
	}
	_, err = iam.NewFromConfig(s.Config(key)).GetUser(t.Context(), &iam.GetUserInput{})
	wantFault(t, "a deleted key", err, "InvalidClientTokenId", "")
	for _, r := range s.Records() {
		for _, part := range []string{string(r.RequestParameters), string(r.ResponseElements)} {
			if strings.Contains(part, key.SecretAccessKey) || strings.Contains(part, second.SecretAccessKey) {
				t.Errorf("the audit log has a secret: %s", part)
			}
		}
	}
}

func TestAccessKeyFaults(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	makeUsers(t, c, "ada", "bob")
	key, _ := makeKey(t, c, new("ada"))
	fixed := "AKIAIOSFODNN7EXAMPLE"
	store(t, s, func(tx kv.Tx) error {
		p, err := s.Directory.PutPrincipal(tx, identity.Principal{Account: servicetest.Account, Kind: identity.User, Name: "owned", From: "configuration file"}, s.Clock.Now())
		if err != nil {
			return err
		}
		_, err = s.Directory.CreateKey(tx, identity.NewKey{Account: p.Account, Kind: p.Kind, Name: p.Name, ID: fixed}, s.Clock.Now())
		return err
	})
	none := "AKIANOTTHERE00000000"
	for what, c := range map[string]struct {
		user, id, code, message string
		status                  types.StatusType
		remove                  bool
	}{
		"a key that is not there":    {user: "ada", id: none, code: "NoSuchEntity", message: "The Access Key with id " + none + " cannot be found."},
		"another user's":             {user: "bob", id: key.AccessKeyID, code: "NoSuchEntity", message: "The Access Key with id " + key.AccessKeyID + " cannot be found."},
		"a key of nobody":            {user: "none", id: key.AccessKeyID, code: "NoSuchEntity", message: "The user with name none cannot be found."},
		"deleting another user's":    {user: "bob", id: key.AccessKeyID, remove: true, code: "NoSuchEntity", message: "The Access Key with id " + key.AccessKeyID + " cannot be found."},
		"the caller's, without name": {id: key.AccessKeyID, remove: true, code: "NoSuchEntity", message: "The Access Key with id " + key.AccessKeyID + " cannot be found."},
		"one of the configuration":   {user: "owned", id: fixed, remove: true, code: "UnmodifiableEntity"},
		"letting it expire":          {user: "ada", id: key.AccessKeyID, status: types.StatusTypeExpired, code: "ValidationError"},
		"no status":                  {user: "ada", id: key.AccessKeyID, status: "Off", code: "ValidationError"},
		"no id":                      {user: "ada", id: "AKIA/..", code: "ValidationError"},
	} {
		var user *string
		if c.user != "" {
			user = &c.user
		}
		if c.status == "" {
			c.status = types.StatusTypeInactive
		}
		err := change(t, s, user, c.id, c.status, c.remove)
		wantFault(t, what, err, c.code, c.message)
	}
	setStatus(t, c, new("owned"), fixed, types.StatusTypeInactive) // as in an emergency
	_, err := c.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: new("none")})
	wantFault(t, "a key for nobody", err, "NoSuchEntity", "The user with name none cannot be found.")
}

// change deletes a key as the root, or sets its status.
func change(t *testing.T, s *servicetest.Server, user *string, id string, status types.StatusType, remove bool) error {
	c := iam.NewFromConfig(s.Config(s.Root))
	if remove {
		_, err := c.DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{UserName: user, AccessKeyId: &id})
		return err
	}
	_, err := c.UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{UserName: user, AccessKeyId: &id, Status: status})
	return err
}

// TestRootsOwnKeys takes the root's key over to another one, as one rotates it.
func TestRootsOwnKeys(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	key, made := makeKey(t, c, nil)
	if made.UserName != nil {
		t.Errorf("the root's key is %s's", *made.UserName)
	}
	_, err := c.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{})
	wantFault(t, "a third key", err, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
	next := iam.NewFromConfig(s.Config(key))
	setStatus(t, next, nil, s.Root.AccessKeyID, types.StatusTypeInactive)
	_, err = c.GetUser(t.Context(), &iam.GetUserInput{})
	wantFault(t, "the old key", err, "InvalidClientTokenId", "")
	if _, err := next.DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{AccessKeyId: &s.Root.AccessKeyID}); err != nil {
		t.Error(err)
	}
	listed, err := next.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{})
	if err != nil || len(listed.AccessKeyMetadata) != 1 || *listed.AccessKeyMetadata[0].AccessKeyId != key.AccessKeyID || listed.AccessKeyMetadata[0].UserName != nil {
		t.Errorf("the root has %+v: %v", listed, err)
	}
}

// wire is one connection to a server, on which calls are made one after another.
type wire struct {
	t    *testing.T
	s    *servicetest.Server
	conn net.Conn
	read *bufio.Reader
}

func dial(t *testing.T, s *servicetest.Server) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &wire{t, s, conn, bufio.NewReader(conn)}
}

// getUser asks who the caller is, and returns the answer.
func (w *wire) getUser(as servicetest.Credentials) (status int, body string) {
	w.t.Helper()
	form := "Action=GetUser&Version=2010-05-08"
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.s.URL+"/", strings.NewReader(form))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	signing := sigv4.Signing{
		Credentials: sigv4.Credentials{AccessKeyID: as.AccessKeyID, SecretAccessKey: secret.FromString(as.SecretAccessKey)},
		Region:      servicetest.Region, Service: "iam", Time: w.s.Clock.Now(),
	}
	if err := new(sigv4.Signer).Sign(req, []byte(form), signing); err != nil {
		w.t.Fatal(err)
	}
	if err := req.Write(w.conn); err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.ReadResponse(w.read, req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

// TestInactiveKeyIsRefusedOnOpenConnections holds that a key which is switched off is
// refused at once, on a connection that it made calls on, and taken again when it is
// switched on.
func TestInactiveKeyIsRefusedOnOpenConnections(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	ada := s.User("ada", servicetest.Allow("*", "iam:GetUser"))
	open := dial(t, s)
	for range 3 {
		if status, body := open.getUser(ada); status != http.StatusOK {
			t.Fatalf("an active key: %d %s", status, body)
		}
		setStatus(t, c, new("ada"), ada.AccessKeyID, types.StatusTypeInactive)
		if status, body := open.getUser(ada); status != http.StatusForbidden || !strings.Contains(body, "<Code>InvalidClientTokenId</Code>") {
			t.Errorf("an inactive key: %d %s", status, body)
		}
		setStatus(t, c, new("ada"), ada.AccessKeyID, types.StatusTypeActive)
	}
}

func TestLastUse(t *testing.T) {
	t.Parallel()
	s, c := newClient(t)
	made := s.User("ada")
	ask := func(id string) (*iam.GetAccessKeyLastUsedOutput, error) {
		return c.GetAccessKeyLastUsed(t.Context(), &iam.GetAccessKeyLastUsedInput{AccessKeyId: &id})
	}
	check := func(when string, want types.AccessKeyLastUsed) {
		t.Helper()
		s.Restart() // with what was left for later
		got, err := ask(made.AccessKeyID)
		if err != nil {
			t.Fatal(err)
		}
		if *got.UserName != "ada" {
			t.Errorf("%s: it is the key of %s", when, *got.UserName)
		}
		if diff := cmp.Diff(&want, got.AccessKeyLastUsed, cmpopts.IgnoreUnexported(want)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	check("a new key", types.AccessKeyLastUsed{ServiceName: new("N/A"), Region: new("N/A")})
	at := s.Clock.Now().Truncate(time.Second)
	use := func() {
		_, err := iam.NewFromConfig(s.ConfigIn("eu-central-1", made)).GetUser(t.Context(), &iam.GetUserInput{})
		wantFault(t, "a call that is refused", err, "AccessDenied", "")
	}
	use() // is a use all the same
	check("used", types.AccessKeyLastUsed{ServiceName: new("iam"), Region: new("eu-central-1"), LastUsedDate: &at})
	s.Clock.Advance(14 * time.Minute)
	use()
	check("used again", types.AccessKeyLastUsed{ServiceName: new("iam"), Region: new("eu-central-1"), LastUsedDate: &at})
	s.Clock.Advance(time.Minute)
	use()
	check("used after a while", types.AccessKeyLastUsed{ServiceName: new("iam"), Region: new("eu-central-1"), LastUsedDate: new(at.Add(15 * time.Minute))})

	foreign := s.UserIn("111122223333", "eve")
	for what, id := range map[string]string{"another account's": foreign.AccessKeyID, "nobody's": "AKIANOTTHERE00000000"} {
		_, err := ask(id)
		wantFault(t, what, err, "AccessDenied", "User: arn:aws:iam::123456789012:root is not authorized to perform: iam:GetAccessKeyLastUsed on resource: access key "+id)
	}
	root, err := ask(s.Root.AccessKeyID)
	if err != nil || root.UserName != nil || *root.AccessKeyLastUsed.ServiceName != "iam" {
		t.Errorf("the root's key: %+v: %v", root, err)
	}
}
