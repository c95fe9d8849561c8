// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sts_test

import (
	"strings"
	"testing"
	"time"

	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/coffer-secrets/coffer/internal/service/identity"
	"github.com/coffer-secrets/coffer/internal/service/servicetest"
)

// asAnswered is an answer with credentials, whatever the operation.
type asAnswered struct {
	*types.Credentials
	error
}

func (w *world) own(as servicetest.Credentials, seconds *int32) asAnswered {
	out, err := w.sts(as).GetSessionToken(w.t.Context(), &sts.GetSessionTokenInput{DurationSeconds: seconds})
	if err != nil {
		return asAnswered{nil, err}
	}
	return asAnswered{out.Credentials, nil}
}

func (w *world) federated(as servicetest.Credentials, in *sts.GetFederationTokenInput) asAnswered {
	out, err := w.sts(as).GetFederationToken(w.t.Context(), in)
	if err != nil {
		return asAnswered{nil, err}
	}
	return asAnswered{out.Credentials, nil}
}

func TestHowLongSessionsOfUsersLast(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.User("ada", servicetest.Allow("*", "sts:GetFederationToken"))
	for _, c := range []struct {
		name    string
		as      servicetest.Credentials
		seconds *int32
		want    time.Duration // zero for a refusal
	}{
		{"a user's", ada, nil, 12 * time.Hour},
		{"the least", ada, new(int32(900)), 15 * time.Minute},
		{"less", ada, new(int32(899)), 0},
		{"the most", ada, new(int32(129600)), 36 * time.Hour},
		{"more", ada, new(int32(129601)), 0},
		{"the root's", w.Root, nil, time.Hour},
		{"the root's, short", w.Root, new(int32(1000)), 1000 * time.Second},
		{"the root's, long", w.Root, new(int32(7200)), time.Hour},
	} {
		for operation, got := range map[string]asAnswered{
			"GetSessionToken":    w.own(c.as, c.seconds),
			"GetFederationToken": w.federated(c.as, &sts.GetFederationTokenInput{Name: new("bob"), DurationSeconds: c.seconds}),
		} {
			if c.want == 0 {
				wants(t, operation+", "+c.name, got.error, "ValidationError", "")
			} else if got.error != nil || !got.Expiration.Equal(servicetest.Start.Add(c.want).Truncate(time.Second)) {
				t.Errorf("%s, %s: ends %v, %v", operation, c.name, got.Credentials, got.error)
			}
		}
	}
}

// TestWhatTemporaryCredentialsAreFor goes through AWS's table of who may call what
// (IAM User Guide, "Compare AWS STS credentials"), with permissions for everything.
func TestWhatTemporaryCredentialsAreFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := servicetest.Allow("*", "*")
	ada := w.User("ada", all)
	role := w.role(identity.Principal{Name: "app", Policies: map[string]string{"p": all}}, trusting("*"))
	federation := &sts.GetFederationTokenInput{Name: new("bob"), Policy: &all}
	callers := map[string]servicetest.Credentials{
		"user": ada, "root": w.Root,
		"role":           w.session(ada, assume(role)),
		"user's session": issued(w.own(ada, nil).Credentials),
		"root's session": issued(w.own(w.Root, nil).Credentials),
		"federated":      issued(w.federated(ada, federation).Credentials),
		"root federated": issued(w.federated(w.Root, federation).Credentials),
	}
	calls := map[string]func(as servicetest.Credentials) error{
		"AssumeRole": func(as servicetest.Credentials) error {
			_, err := w.sts(as).AssumeRole(t.Context(), assume(role))
			return err
		},
		"GetSessionToken":    func(as servicetest.Credentials) error { return w.own(as, nil).error },
		"GetFederationToken": func(as servicetest.Credentials) error { return w.federated(as, federation).error },
		"GetAccessKeyInfo": func(as servicetest.Credentials) error {
			_, err := w.sts(as).GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoInput{AccessKeyId: &ada.AccessKeyID})
			return err
		},
		"GetCallerIdentity": func(as servicetest.Credentials) error {
			_, err := w.sts(as).GetCallerIdentity(t.Context(), nil)
			return err
		},
		"ListUsers": func(as servicetest.Credentials) error {
			_, err := awsiam.NewFromConfig(w.Config(as)).ListUsers(t.Context(), nil)
			return err
		},
		"ListSecrets": func(as servicetest.Credentials) error {
			_, err := secretsmanager.NewFromConfig(w.Config(as)).ListSecrets(t.Context(), nil)
			return err
		},
	}
	barred := map[string]string{
		"root":           "AssumeRole",
		"role":           "GetSessionToken GetFederationToken",
		"user's session": "GetSessionToken GetFederationToken GetAccessKeyInfo ListUsers",
		"root's session": "AssumeRole GetSessionToken GetFederationToken GetAccessKeyInfo ListUsers",
		"federated":      "AssumeRole GetSessionToken GetFederationToken GetAccessKeyInfo ListUsers",
		"root federated": "AssumeRole GetSessionToken GetFederationToken GetAccessKeyInfo ListUsers",
	}
	for who, as := range callers {
		for operation, call := range calls {
			code, message := "", ""
			switch {
			case !strings.Contains(" "+barred[who]+" ", " "+operation+" "):
			case operation == "ListUsers":
				code, message = "InvalidClientTokenId", "The security token included in the request is invalid"
			case operation == "AssumeRole" && who != "federated" && who != "root federated":
				code, message = "AccessDenied", "Roles may not be assumed by root accounts."
			default:
				code, message = "AccessDenied", "Cannot call "+operation+" with session credentials"
			}
			wants(t, who+" calls "+operation, call(as), code, message)
		}
	}
}

func TestFederatedUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.User("ada", servicetest.Allow("arn:aws:sts::123456789012:federated-user/b*", "sts:GetFederationToken"), servicetest.Allow("*", "secretsmanager:ListSecrets"))
	out, err := w.sts(ada).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: new("bob"), Policy: new(servicetest.Allow("*", "*"))})
	//lint:ignore SA1019 this server speaks the API before SessionTokenUtilization took its place
	if err != nil || *out.FederatedUser.Arn != "arn:aws:sts::123456789012:federated-user/bob" || *out.FederatedUser.FederatedUserId != "123456789012:bob" || *out.PackedPolicySize != 3 {
		t.Fatalf("answered %+v, %v", out, err)
	}
	list := func(c servicetest.Credentials) error {
		_, err := secretsmanager.NewFromConfig(w.Config(c)).ListSecrets(t.Context(), nil)
		return err
	}
	create := func(c servicetest.Credentials) error {
		_, err := secretsmanager.NewFromConfig(w.Config(c)).CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: new("x"), SecretString: new("x")})
		return err
	}
	wants(t, "what both policies allow", list(issued(out.Credentials)), "", "")
	wants(t, "what the session's alone allows", create(issued(out.Credentials)), "AccessDeniedException", "")
	none := w.federated(ada, &sts.GetFederationTokenInput{Name: new("bob")})
	wants(t, "without a session policy", list(issued(none.Credentials)), "AccessDeniedException", "")
	ofRoot := w.federated(w.Root, &sts.GetFederationTokenInput{Name: new("bob"), Policy: new(servicetest.Allow("*", "secretsmanager:CreateSecret", "kms:*"))})
	wants(t, "the root's, what its policy allows", create(issued(ofRoot.Credentials)), "", "")
	wants(t, "the root's, what it does not", list(issued(ofRoot.Credentials)), "AccessDeniedException", "")

	refused := func(action, user string) string {
		return "User: " + userARN("ada") + " is not authorized to perform: " + action + " on resource: arn:aws:sts::123456789012:federated-user/" + user +
			" because no identity-based policy allows the " + action + " action"
	}
	got := w.federated(ada, &sts.GetFederationTokenInput{Name: new("carol")})
	wants(t, "another name", got.error, "AccessDenied", refused("sts:GetFederationToken", "carol"))
	got = w.federated(ada, &sts.GetFederationTokenInput{Name: new("bob"), Tags: tags("a=b")})
	wants(t, "with tags", got.error, "AccessDenied", refused("sts:TagSession", "bob"))
	got = w.federated(ada, &sts.GetFederationTokenInput{Name: new("bob"), PolicyArns: descriptors("arn:aws:iam::123456789012:policy/none")})
	wants(t, "a policy that is not there", got.error, "ValidationError", "")
	got = w.federated(w.Root, &sts.GetFederationTokenInput{Name: new("bob"), Tags: tags("a=b")})
	if all, _ := w.tagsOf(issued(got.Credentials)); all["a"] != "b" {
		t.Errorf("the session is tagged %v", all)
	}
}

func TestAccessKeyInfo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.User("ada", servicetest.Allow("*", "sts:*"))
	there := w.UserIn(elsewhere, "eve")
	here, foreign := w.own(ada, nil), w.own(there, nil)
	unknown := newWorld(t) // whose account is in no record of the first
	far := unknown.own(unknown.UserIn("111122223333", "zed"), nil)
	for _, c := range []struct{ name, id, account string }{
		{"the root's", w.Root.AccessKeyID, servicetest.Account},
		{"another account's", there.AccessKeyID, elsewhere},
		{"a session's", *here.AccessKeyId, servicetest.Account},
		{"another account's session's", *foreign.AccessKeyId, elsewhere},
		{"one of an account that is not here", *far.AccessKeyId, ""},
		{"one that never was", "AKIANOTTHERE00000000", ""},
		{"a word", "ASIAnosuchthingatall", ""},
	} {
		out, err := w.sts(ada).GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoInput{AccessKeyId: &c.id})
		if c.account == "" {
			wants(t, c.name, err, "ValidationError", "The Access Key with id "+c.id+" cannot be found.")
		} else if err != nil || *out.Account != c.account {
			t.Errorf("%s: %+v, %v", c.name, out, err)
		}
	}
	_, err := w.sts(there).GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoInput{AccessKeyId: &ada.AccessKeyID})
	wants(t, "without a permission", err, "AccessDenied", "")
}
