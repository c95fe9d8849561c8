// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sts_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// message returns the encoded authorization message that an error came with.
func message(err error) string {
	answer, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok {
		return ""
	}
	return answer.Response.Header.Get(gate.MessageHeader)
}

// decoded is what DecodeAuthorizationMessage makes of it.
func (w *world) decoded(as servicetest.Credentials, encoded string) string {
	w.t.Helper()
	out, err := w.sts(as).DecodeAuthorizationMessage(w.t.Context(), &sts.DecodeAuthorizationMessageInput{EncodedMessage: &encoded})
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.DecodedMessage
}

func (w *world) read(as servicetest.Credentials, id string) error {
	_, err := secretsmanager.NewFromConfig(w.Config(as)).GetSecretValue(w.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &id})
	return err
}

func TestDecodeAuthorizationMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.User("ada", servicetest.Allow("*", "secretsmanager:*"), `{"Version":"2012-10-17","Statement":[
		{"Sid":"NotThis","Effect":"Deny","Action":["secretsmanager:Get*","kms:Decrypt"],"Resource":"arn:aws:secretsmanager:*:*:secret:payroll*","Condition":{"StringNotEquals":{"aws:PrincipalTag/team":"pay"},"Bool":{"aws:SecureTransport":"false"}}}]}`)
	id := strings.Split(who(t, w, ada), " ")[1]
	err := w.read(ada, "payroll")
	wants(t, "the text", err, "AccessDeniedException",
		"User: "+userARN("ada")+" is not authorized to perform: secretsmanager:GetSecretValue on resource: payroll with an explicit deny in an identity-based policy")
	want := fmt.Sprintf(`{"allowed":false,"explicitDeny":true,"matchedStatements":{"items":[`+
		`{"statementId":"NotThis","effect":"DENY","principals":{"items":[{"value":"%[1]s"}]},"principalGroups":{"items":[]},"actions":{"items":[{"value":"secretsmanager:Get*"},{"value":"kms:Decrypt"}]},"resources":{"items":[{"value":"arn:aws:secretsmanager:*:*:secret:payroll*"}]},"conditions":{"items":[]}},`+
		`{"statementId":"","effect":"ALLOW","principals":{"items":[{"value":"%[1]s"}]},"principalGroups":{"items":[]},"actions":{"items":[{"value":"secretsmanager:*"}]},"resources":{"items":[{"value":"*"}]},"conditions":{"items":[]}}]},`+
		`"failures":{"items":[]},"context":{"principal":{"id":"%[1]s","arn":"%[2]s"},"action":"secretsmanager:GetSecretValue","resource":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:payroll-??????",`+
		`"conditions":{"items":[{"key":"aws:securetransport","values":{"items":[{"value":"false"}]}}]}}}`, id, userARN("ada"))
	if diff := cmp.Diff(want, w.decoded(w.Root, message(err))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.Restart()
	if got := w.decoded(w.Root, message(err)); got != want {
		t.Errorf("after a restart: %s", got)
	}
}

// who returns the ARN and the unique id of a caller.
func who(t *testing.T, w *world, as servicetest.Credentials) string {
	t.Helper()
	out, err := w.sts(as).GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return *out.Arn + " " + *out.UserId
}

// TestWhoMayDecode holds that a message is for those of the refused caller's account who
// are allowed to read it.
func TestWhoMayDecode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, stranger := w.User("ada"), w.UserIn(elsewhere, "eve", servicetest.Allow("*", "*"))
	encoded := message(w.read(ada, "payroll"))
	if len(encoded) == 0 || len(encoded) > 1024 {
		t.Fatalf("a plain denial has a message of %d characters", len(encoded))
	}
	for name, c := range map[string]struct {
		as      servicetest.Credentials
		encoded string
		code    string
	}{
		"without a permission":       {ada, encoded, "AccessDenied"},
		"of another account":         {stranger, encoded, "InvalidAuthorizationMessageException"},
		"cut":                        {w.Root, encoded[:len(encoded)-4], "InvalidAuthorizationMessageException"},
		"edited":                     {w.Root, "AAAA" + encoded[4:], "InvalidAuthorizationMessageException"},
		"what no server has written": {w.Root, "hello", "InvalidAuthorizationMessageException"},
		"empty":                      {w.Root, "", "ValidationError"},
		"too long":                   {w.Root, strings.Repeat("A", 10241), "ValidationError"},
		"as it is":                   {w.Root, encoded, ""},
	} {
		_, err := w.sts(c.as).DecodeAuthorizationMessage(t.Context(), &sts.DecodeAuthorizationMessageInput{EncodedMessage: &c.encoded})
		wants(t, name, err, c.code, "")
	}
}

// TestWhatCarriesNoMessage holds that nobody is told more who is not known or was not
// refused by a decision.
func TestWhatCarriesNoMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.User("ada", servicetest.Allow("*", "*"))
	wrong := ada
	wrong.SecretAccessKey += "x"
	for name, err := range map[string]error{
		"a wrong secret": w.read(wrong, "payroll"), "a secret that is not there": w.read(ada, "payroll"),
		"credentials that are not for it": func() error {
			_, err := w.sts(issued(w.own(ada, nil).Credentials)).GetSessionToken(t.Context(), nil)
			return err
		}(),
	} {
		if err == nil || message(err) != "" {
			t.Errorf("%s: %v with the message %q", name, err, message(err))
		}
	}
}

// TestMessagesAcrossAccounts holds that the policy of another account's role is not told.
func TestMessagesAcrossAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.User("admin", servicetest.Allow("*", "*"))
	policy := `{"Version":"2012-10-17","Statement":[{"Sid":"Hidden","Effect":"Deny","Principal":"*","Action":"sts:*","Condition":{"StringEquals":{"aws:ResourceTag/secret":"hidden-value"}}}]}`
	tagged := map[string]string{"secret": "hidden-value"}
	for _, account := range []string{servicetest.Account, elsewhere} {
		role := w.role(identity.Principal{Account: account, Name: "app", Tags: tagged}, policy)
		_, err := w.sts(admin).AssumeRole(t.Context(), assume(role))
		wants(t, account, err, "AccessDenied", "User: "+userARN("admin")+" is not authorized to perform: sts:AssumeRole on resource: "+role)
		got := w.decoded(admin, message(err))
		for _, part := range []string{`"Hidden"`, `"hidden-value"`, `"explicitDeny":true`} {
			if told := strings.Contains(got, part); told != (account == servicetest.Account) {
				t.Errorf("of a role in %s, %s: %s", account, part, got)
			}
		}
	}
}

// TestLongMessagesTellLess holds that a header stays of a size that proxies let through.
func TestLongMessagesTellLess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	actions := strings.Repeat(`"secretsmanager:GetSecretValue",`, 200)
	ada := w.User("ada", `{"Version":"2012-10-17","Statement":{"Sid":"Long","Effect":"Deny","Action":[`+actions+`"x:*"],"Resource":"*"}}`)
	err := w.read(ada, "payroll")
	if encoded := message(err); encoded == "" || len(encoded) > 4096 {
		t.Fatalf("the message has %d characters", len(encoded))
	}
	got := w.decoded(w.Root, message(err))
	if !strings.Contains(got, `"explicitDeny":true,"matchedStatements":{"items":[]}`) {
		t.Errorf("decoded: %s", got)
	}
	answer, _ := errors.AsType[*smithyhttp.ResponseError](err)
	if answer.Response.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d", answer.Response.StatusCode)
	}
}
