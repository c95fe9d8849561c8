// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
	"github.com/coffer-secrets/coffer/internal/policy"
)

type (
	assumeIn  = sts.AssumeRoleWithWebIdentityInput
	assumeOut = sts.AssumeRoleWithWebIdentityOutput
)

const (
	provider = "arn:aws:iam::" + account + ":oidc-provider/issuer.example.com"
	role     = "arn:aws:iam::" + account + ":role/app"
)

// introducing binds an operation whose callers introduce themselves by a token that is
// "good", and may use a role that trusts their provider.
func introducing(t *testing.T, w *world) (introduced, handled *int) {
	t.Helper()
	introduced, handled = new(int), new(int)
	trust, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"`+provider+
		`"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"aws:FederatedProvider":"`+provider+`"}}}}`), policy.KindTrust)
	if err != nil {
		t.Fatal(err)
	}
	gate.Read(w.Gate, sts.AssumeRoleWithWebIdentity, gate.Row[assumeIn]{
		Access: gate.AccessWrite,
		Introduce: func(ctx context.Context, call *gate.Call, in *assumeIn) (*gate.Introduction, error) {
			*introduced++
			if call.Principal != nil && call.Principal.ARN == provider {
				t.Error("somebody was introduced before")
			}
			token := in.WebIdentityToken.RevealString()
			switch token {
			case "panic":
				panic(token)
			case "fail":
				return nil, errors.New("no luck")
			case "good", "other":
			default:
				return nil, sts.InvalidIdentityTokenException.New("not good")
			}
			issuer := provider
			if token == "other" {
				issuer += "/other"
			}
			return &gate.Introduction{
				Principal: &gate.Principal{Principal: policy.Principal{Type: policy.WebIdentity, Issuer: issuer, UserID: "u"}, UserName: "sub"},
				Account:   account, Facts: "facts",
			}, call.Look(ctx, func(kv.Reader) error { return nil })
		},
		Targets: gate.One(func(_ context.Context, _ kv.Reader, _ *gate.Call, in *assumeIn) (gate.Target, error) {
			return gate.Target{ARN: *in.RoleArn, Type: "AWS::IAM::Role", Policy: &policy.Attached{Name: "trust", Policy: trust}, Exclusive: true}, nil
		}),
	}, func(ctx context.Context, _ kv.Reader, call *gate.Call, _ *assumeIn) (*assumeOut, error) {
		*handled++
		if call.Prepared() != "facts" || call.Region == "" || call.Account != account {
			t.Errorf("the handler has %v in %s of %s", call.Prepared(), call.Region, call.Account)
		}
		if err := call.Look(ctx, func(kv.Reader) error { return nil }); err == nil {
			t.Error("a handler looked beside its transaction")
		}
		return &assumeOut{Provider: &call.Principal.Issuer}, nil
	})
	return introduced, handled
}

func assume(token string) string {
	return url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"},
		"RoleArn": {role}, "RoleSessionName": {"session"}, "WebIdentityToken": {token},
	}.Encode()
}

func unsigned(body string) *http.Request {
	req := httptest.NewRequest(http.MethodPost, "http://coffer.test/", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

func TestStrangersIntroduceThemselves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	introduced, handled := introducing(t, w)
	check := func(name string, got reply, status int, code string, introductions, runs int) {
		t.Helper()
		if got.Status != status || got.Code != code || *introduced != introductions || *handled != runs {
			t.Errorf("%s: %d %s %q after %d introductions and %d runs", name, got.Status, got.Code, got.Message, *introduced, *handled)
		}
		*introduced, *handled = 0, 0
	}
	check("good", w.do(unsigned(assume("good"))), 200, "", 1, 1)
	check("not good", w.do(unsigned(assume("bad!"))), 400, "InvalidIdentityToken", 1, 0)
	got := w.do(unsigned(assume("other")))
	check("of a provider that the role doesn't trust", got, 403, "AccessDenied", 1, 0)
	if got.Message != "Not authorized to perform sts:AssumeRoleWithWebIdentity" {
		t.Errorf("it is told %q", got.Message)
	}
	check("what is not valid", w.do(unsigned(strings.ReplaceAll(assume("good"), "RoleArn", "Nothing"))), 400, "ValidationError", 0, 0)
	check("a failure", w.do(unsigned(assume("fail"))), 500, "InternalFailure", 1, 0)
	check("a panic", w.do(unsigned(assume("panic"))), 500, "InternalFailure", 1, 0)
	check("too large", w.do(unsigned(assume("good")+"&X="+strings.Repeat("x", 200<<10))), 413, "RequestEntityTooLargeException", 0, 0)

	check("signed", w.do(w.form(assume("good"))), 200, "", 1, 1)
	signed := w.form(assume("good"))
	signed.Header.Set("X-Amz-Date", "20260314T092652Z")
	check("signed wrongly", w.do(signed), 403, "SignatureDoesNotMatch", 0, 0)
	presigned := unsigned(assume("good"))
	presigned.RequestURI = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256"
	check("signed in part", w.do(presigned), 400, "IncompleteSignature", 0, 0)

	records := w.records()
	if len(records) != 10 {
		t.Fatalf("the log has %d records:%s", len(records), show(records))
	}
	first := records[0].Line
	for _, part := range []string{
		`"type":"WebIdentityUser"`, `"principalId":"u"`, `"userName":"sub"`, `"identityProvider":"` + provider + `"`,
		`"recipientAccountId":"` + account + `"`, `"awsRegion":"us-east-1"`, `"ARN":"` + role + `"`,
	} {
		if !strings.Contains(string(first), part) {
			t.Errorf("the record has no %s: %s", part, first)
		}
	}
	if strings.Contains(show(records), "bad!") {
		t.Error("the log has a token")
	}
}

// TestStrangersAreBounded holds that those who need no key can't take the whole server.
func TestStrangersAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	introducing(t, w)
	admitted := 0
	for range 700 {
		if w.do(unsigned(assume("bad!"))).Code == "InvalidIdentityToken" {
			admitted++
		}
	}
	if admitted < 550 || admitted > 650 {
		t.Errorf("%d calls in no time", admitted)
	}
	if got := w.do(unsigned(assume("good"))); got.Code != "Throttling" {
		t.Errorf("one too many is answered %d %s", got.Status, got.Code)
	}
	w.now = func() time.Time { return start.Add(time.Second) }
	if got := w.do(unsigned(assume("good"))); got.Status != 200 {
		t.Errorf("a second later: %s", got.Code)
	}
	w.now = func() time.Time { return start.Add(-time.Hour) }
	if got := w.do(unsigned(assume("good"))); got.Status != 200 {
		t.Errorf("after the clock was set back: %s", got.Code)
	}
}

// TestOnlySoManyStrangersWait fills the server with those who wait for an answer from elsewhere.
func TestOnlySoManyStrangersWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	began, over := make(chan struct{}), make(chan struct{})
	gate.Read(w.Gate, sts.AssumeRoleWithWebIdentity, gate.Row[assumeIn]{
		Access: gate.AccessWrite, Open: true,
		Introduce: func(context.Context, *gate.Call, *assumeIn) (*gate.Introduction, error) {
			began <- struct{}{}
			<-over
			return nil, sts.InvalidIdentityTokenException.New("not good")
		},
	}, func(context.Context, kv.Reader, *gate.Call, *assumeIn) (*assumeOut, error) { return nil, nil })
	ended := make(chan reply)
	for range 256 {
		go func() { ended <- w.do(unsigned(assume("bad!"))) }()
	}
	for range 256 {
		<-began
	}
	if got := w.do(unsigned(assume("bad!"))); got.Code != "Throttling" {
		t.Errorf("one too many is answered %s", got.Code)
	}
	close(over)
	for range 256 {
		<-ended
	}
}

func TestIntroductionsAreBoundWithCare(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	introduce := func(context.Context, *gate.Call, *assumeIn) (*gate.Introduction, error) { return nil, nil }
	for name, bind := range map[string]func(){
		"writes": func() {
			gate.Write(w.Gate, sts.AssumeRoleWithWebIdentity, gate.Row[assumeIn]{Access: gate.AccessWrite, Open: true, Introduce: introduce},
				func(context.Context, kv.Tx, *gate.Call, *assumeIn) (*assumeOut, error) { return nil, nil })
		},
		"decides nothing": func() {
			gate.Read(w.Gate, sts.AssumeRoleWithWebIdentity, gate.Row[assumeIn]{Access: gate.AccessWrite, Introduce: introduce},
				func(context.Context, kv.Reader, *gate.Call, *assumeIn) (*assumeOut, error) { return nil, nil })
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("one that %s was bound", name)
				}
			}()
			bind()
		}()
	}
}

// TestIntroductionsAreNotNested holds that no operation calls one whose callers introduce
// themselves.
func TestIntroductionsAreNotNested(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	introduced, _ := introducing(t, w)
	in := &assumeIn{RoleArn: new(role), RoleSessionName: new("session")}
	gate.Read(w.Gate, sts.GetCallerIdentity, gate.Row[sts.GetCallerIdentityInput]{Access: gate.AccessRead, Open: true},
		func(ctx context.Context, r kv.Reader, call *gate.Call, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
			if may, err := gate.May(ctx, call, r, sts.AssumeRoleWithWebIdentity, in); may || err != nil {
				t.Errorf("may it be called: %v, %v", may, err)
			}
			_, err := gate.Invoke(ctx, call, r, sts.AssumeRoleWithWebIdentity, in)
			return nil, err
		})
	if got := w.do(w.form("Action=GetCallerIdentity&Version=2011-06-15")); got.Code == "" || *introduced != 0 {
		t.Errorf("it was: %+v", got)
	}
	if got := w.do(unsigned("Action=GetCallerIdentity&Version=2011-06-15")); got.Code != "MissingAuthenticationToken" {
		t.Errorf("another operation answers a stranger %s", got.Code)
	}
	for _, op := range w.Operations() {
		if op.Unsigned != (op.Name == sts.AssumeRoleWithWebIdentity.Name) {
			t.Errorf("%s is unsigned: %v", op.Name, op.Unsigned)
		}
	}
}
