// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/audit"
)

func fullEvent() *audit.Event {
	return &audit.Event{
		UserIdentity: audit.UserIdentity{
			Type: "AssumedRole", PrincipalID: "AROAEXAMPLE:fn", ARN: "arn:aws:sts::123456789012:assumed-role/reader/fn",
			AccountID: "123456789012", AccessKeyID: "ASIAEXAMPLE",
			SessionContext: &audit.SessionContext{
				SessionIssuer: &audit.SessionIssuer{
					Type: "Role", PrincipalID: "AROAEXAMPLE", ARN: "arn:aws:iam::123456789012:role/reader",
					AccountID: "123456789012", UserName: "reader",
				},
				WebIDFederationData: &audit.WebIDFederationData{FederatedProvider: "arn:aws:iam::123456789012:oidc-provider/ci.example.com"},
				Attributes:          audit.SessionAttributes{CreationDate: time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)},
				SourceIdentity:      "ada",
			},
			InvokedBy: "secretsmanager.amazonaws.com",
		},
		EventTime: time.Date(2026, 1, 2, 4, 4, 5, 6, time.FixedZone("CET", 3600)), EventSource: "kms.amazonaws.com", EventName: "Decrypt",
		AWSRegion: "eu-west-1", SourceIPAddress: "192.0.2.7", UserAgent: "aws-sdk-go-v2/1.47",
		ErrorCode: "AccessDenied", ErrorMessage: `User "x" is not authorized`,
		RequestParameters:   []byte("{ \"encryptionContext\" : {\"a\": [1, -2.5e+3, true, null]},\n\"keyId\":\"k\" }"),
		AdditionalEventData: []byte(`{"keyMaterialId":"m"}`),
		RequestID:           "r-1", EventID: "e-1", ReadOnly: true,
		Resources:          []audit.Resource{{AccountID: "123456789012", Type: "AWS::KMS::Key", ARN: "arn:aws:kms:eu-west-1:123456789012:key/k"}},
		RecipientAccountID: "123456789012", SharedEventID: "s-1",
		TLSDetails: &audit.TLSDetails{TLSVersion: "TLSv1.3", CipherSuite: "TLS_AES_128_GCM_SHA256", ClientProvidedHostHeader: "localhost:4580", KeyExchange: "X25519MLKEM768"},
	}
}

// The members and their order are those of the entries in AWS KMS's guide:
// https://docs.aws.amazon.com/kms/latest/developerguide/ct-decrypt.html
func TestEventHasCloudTrailsMembersInItsOrder(t *testing.T) {
	t.Parallel()
	want := strings.Join([]string{
		`{"eventVersion":"1.11"`,
		`"userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLE:fn","arn":"arn:aws:sts::123456789012:assumed-role/reader/fn","accountId":"123456789012","accessKeyId":"ASIAEXAMPLE"`,
		`"sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLE","arn":"arn:aws:iam::123456789012:role/reader","accountId":"123456789012","userName":"reader"}`,
		`"webIdFederationData":{"federatedProvider":"arn:aws:iam::123456789012:oidc-provider/ci.example.com","attributes":{}}`,
		`"attributes":{"creationDate":"2026-01-02T03:00:00Z","mfaAuthenticated":"false"},"sourceIdentity":"ada"}`,
		`"invokedBy":"secretsmanager.amazonaws.com"}`,
		`"eventTime":"2026-01-02T03:04:05Z"`,
		`"eventSource":"kms.amazonaws.com"`, `"eventName":"Decrypt"`, `"awsRegion":"eu-west-1"`,
		`"sourceIPAddress":"192.0.2.7"`, `"userAgent":"aws-sdk-go-v2/1.47"`,
		`"errorCode":"AccessDenied"`, `"errorMessage":"User \"x\" is not authorized"`,
		`"requestParameters":{"encryptionContext":{"a":[1,-2.5e+3,true,null]},"keyId":"k"}`,
		`"responseElements":null`, `"additionalEventData":{"keyMaterialId":"m"}`,
		`"requestID":"r-1"`, `"eventID":"e-1"`, `"readOnly":true`,
		`"resources":[{"accountId":"123456789012","type":"AWS::KMS::Key","ARN":"arn:aws:kms:eu-west-1:123456789012:key/k"}]`,
		`"eventType":"AwsApiCall"`, `"managementEvent":true`, `"recipientAccountId":"123456789012"`, `"sharedEventID":"s-1"`,
		`"eventCategory":"Management"`,
		`"tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"localhost:4580","keyExchange":"X25519MLKEM768"}}`,
	}, ",")
	if diff := cmp.Diff(want, string(fullEvent().AppendJSON(nil))); diff != "" {
		t.Error(diff)
	}
}

func TestEventReadsBack(t *testing.T) {
	t.Parallel()
	want := fullEvent()
	var got audit.Event
	if err := json.Unmarshal(want.AppendJSON(nil), &got); err != nil {
		t.Fatal(err)
	}
	want.EventTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want.EventType = audit.TypeAPICall
	want.RequestParameters = []byte(`{"encryptionContext":{"a":[1,-2.5e+3,true,null]},"keyId":"k"}`)
	want.ResponseElements = []byte("null")
	if diff := cmp.Diff(*want, got); diff != "" {
		t.Error(diff)
	}
}

// pure fails the test unless b is one line of JSON that a terminal can show.
func pure(t interface{ Fatalf(string, ...any) }, b []byte) {
	if !json.Valid(b) || !utf8.Valid(b) {
		t.Fatalf("not JSON: %q", b)
	}
	for _, r := range string(b) {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			t.Fatalf("%q in %q", r, b)
		}
	}
}

func TestStringsAreEscaped(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a\nb\r\tc":          `a\nb\r\tc`,
		"\x00\x1b[31m\x7f":   `\u0000\u001b[31m\u007f`,
		"\u0085\u009b1m":     `\u0085\u009b1m`,
		"\u2028\u2029":       `\u2028\u2029`,
		"a\xffb\xed\xa0\x80": "a\ufffdb\ufffd\ufffd\ufffd",
		`"\`:                 `\"\\`,
		"héllo \U0001F511":   "héllo \U0001F511",
	} {
		e := audit.Event{UserAgent: in, RequestParameters: json.RawMessage(`{"x":"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\x00", `\u0000`, "\x1b", `\u001b`).Replace(in) + `"}`)}
		got := string(e.AppendJSON(nil))
		pure(t, []byte(got))
		for _, member := range []string{`"userAgent":"` + want + `"`, `"requestParameters":{"x":"` + want + `"}`} {
			if !strings.Contains(got, member) {
				t.Errorf("%q: got %s, want %s", in, got, member)
			}
		}
	}
}

func TestAnyEventIsOneShortLine(t *testing.T) {
	t.Parallel()
	text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	rapid.Check(t, func(t *rapid.T) {
		e := fullEvent()
		for _, field := range []*string{&e.UserAgent, &e.ErrorMessage, &e.UserIdentity.ARN, &e.UserIdentity.UserName, &e.EventName, &e.RequestID, &e.Resources[0].ARN} {
			*field = text.Draw(t, "field")
		}
		e.EventTime = time.Unix(rapid.Int64().Draw(t, "time"), 0)
		e.RequestParameters = []byte(text.Draw(t, "raw"))
		b := e.AppendJSON([]byte("kept"))
		b, ok := bytes.CutPrefix(b, []byte("kept"))
		if !ok {
			t.Fatalf("the prefix is gone")
		}
		pure(t, b)
	})
}

func TestRawJSONIsTakenExactlyWhenItIsJSON(t *testing.T) {
	t.Parallel()
	omitted := []byte(`"requestParameters":{"omitted":true,`)
	for _, raw := range []string{
		`{}`, ` [ ] `, `{"a":{"b":[1,2,{"c":"\u00e9\/\b"}]}}`, `"s"`, `0`, `-0.5E-7`, `true`, `null`,
		`{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `[1,]`, `[1 2]`, `01`, `1.`, `-`, `+1`, `1e`, `.5`, `nul`, `"`, `"\x"`, `"\u12g4"`, "\"\n\"",
		`{}{}`, `{'a':1}`, `{a:1}`, `["a",]`, `"\u12`, ` `, "\x00", `{"a":1]`, `tru`, `falsey`,
		strings.Repeat("[", 30) + strings.Repeat("]", 30),
	} {
		e := audit.Event{RequestParameters: json.RawMessage(raw)}
		got := e.AppendJSON(nil)
		pure(t, got)
		if taken := !bytes.Contains(got, omitted); taken != json.Valid([]byte(raw)) {
			t.Errorf("%q: taken = %t, valid = %t", raw, taken, json.Valid([]byte(raw)))
		}
	}
	deep := audit.Event{RequestParameters: json.RawMessage(strings.Repeat("[", 1e5) + strings.Repeat("]", 1e5))}
	if got := deep.AppendJSON(nil); !bytes.Contains(got, omitted) {
		t.Error("a value that nests 100,000 deep was taken")
	}
}

func TestTheLargestEventFits(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("\x01", 1<<20)
	raw := func(n int) []byte { return []byte(`"` + strings.Repeat("a", n-2) + `"`) }
	e := fullEvent()
	u, c := &e.UserIdentity, e.UserIdentity.SessionContext
	s := c.SessionIssuer
	for _, field := range []*string{
		&u.Type, &u.PrincipalID, &u.ARN, &u.AccountID, &u.AccessKeyID, &u.UserName, &u.InvokedBy, &u.IdentityProvider,
		&c.SourceIdentity, &c.WebIDFederationData.FederatedProvider, &s.Type, &s.PrincipalID, &s.ARN, &s.AccountID, &s.UserName, &e.EventSource, &e.EventName, &e.AWSRegion, &e.SourceIPAddress, &e.UserAgent,
		&e.ErrorCode, &e.ErrorMessage, &e.RequestID, &e.EventID, &e.EventType, &e.RecipientAccountID, &e.SharedEventID,
		&e.TLSDetails.TLSVersion, &e.TLSDetails.CipherSuite, &e.TLSDetails.ClientProvidedHostHeader, &e.TLSDetails.KeyExchange,
	} {
		*field = huge
	}
	e.Resources = make([]audit.Resource, 1000)
	for i := range e.Resources {
		e.Resources[i] = audit.Resource{AccountID: huge, Type: huge, ARN: huge}
	}
	e.RequestParameters, e.ResponseElements, e.ServiceEventDetails = raw(100<<10), raw(100<<10), raw(100<<10)
	e.AdditionalEventData = raw(28 << 10)
	b := e.AppendJSON(nil)
	pure(t, b)
	if bytes.Contains(b, []byte("omitted")) {
		t.Error("raw values within their limits were omitted")
	}
	l := open(t, audit.Options{Path: t.TempDir() + "/audit.log"})
	if err := l.Append(t.Context(), b); err != nil {
		t.Fatalf("an event of %d bytes: %v", len(b), err)
	}
	e.RequestParameters = raw(100<<10 + 1)
	if b := e.AppendJSON(nil); !bytes.Contains(b, []byte(`{"omitted":true,"originalSize":102401,"reason":"requestParameters too large"}`)) {
		t.Error("requestParameters over its limit is not said to be omitted")
	}
}

func TestAppendJSONAllocatesNothing(t *testing.T) {
	e := fullEvent()
	b := make([]byte, 0, 8<<10)
	if n := testing.AllocsPerRun(100, func() { e.AppendJSON(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkEventAppendJSON(b *testing.B) {
	e := fullEvent()
	buf := make([]byte, 0, 8<<10)
	b.ReportAllocs()
	for b.Loop() {
		buf = e.AppendJSON(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}
