// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package awsquery_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/awsquery"
	"github.com/coffer-secrets/coffer/internal/secret"
)

const canary = "hunter2-canary"

// everything has a member of each kind, which no model of a Query service has.
type everything struct {
	Text   *string             `json:"Text,omitzero"`
	Count  *int32              `json:"Count,omitzero"`
	Total  *int64              `json:"Total,omitzero"`
	Flag   *bool               `json:"Flag,omitzero"`
	At     *api.Time           `json:"At,omitzero"`
	Blob   []byte              `json:"Blob,omitzero"`
	Secret secret.Text         `json:"Secret,omitzero"`
	Key    secret.Blob         `json:"Key,omitzero"`
	Names  []string            `json:"Names,omitzero"`
	Tags   []tag               `json:"Tags,omitzero"`
	Labels map[string][]string `json:"Labels,omitzero"`
	Inner  *tag                `json:"Inner,omitzero"`
}

type tag struct {
	Key *string `json:"Key,omitzero"`
}

func full() *everything {
	return &everything{
		Text: new("a&b=c\n<é>"), Count: new(int32(-3)), Total: new(int64(1) << 60), Flag: new(true),
		At: new(api.NewTime(time.Unix(1_700_000_000, 0))), Blob: []byte{0, 1},
		Secret: secret.NewText(canary), Key: secret.NewBlob([]byte(canary)),
		Names: []string{"x", "", "z", "4", "5", "6", "7", "8", "9", "10", "11"}, Tags: []tag{{Key: new("k")}, {}},
		Labels: map[string][]string{"b": {"2"}, "a": {"1", "3"}}, Inner: &tag{Key: new("i")},
	}
}

var same = cmp.Options{
	cmp.Comparer(func(x, y secret.Text) bool { return x.Equal(y.Value) }),
	cmp.Comparer(func(x, y secret.Blob) bool { return x.Equal(y.Value) }),
}

func TestFormsComeBack(t *testing.T) {
	t.Parallel()
	in := full()
	in.Tags = in.Tags[:1] // a form can't tell an empty structure from none
	for name, in := range map[string]*everything{"full": in, "empty": {}, "empty collections": {Names: []string{}, Labels: map[string][]string{}}} {
		text := string(awsquery.EncodeForm(sts.Service, "Do", in))
		form, err := awsquery.ParseForm(text)
		if err != nil {
			t.Fatal(err)
		}
		if action, version, ok := form.Action(); action != "Do" || version != "2011-06-15" || !ok {
			t.Errorf("%s: action %s, version %s", name, action, version)
		}
		got := new(everything)
		if err := form.Decode(got); err != nil {
			t.Fatalf("%s: %s: %v", name, text, err)
		}
		if diff := cmp.Diff(in, got, same); diff != "" {
			t.Errorf("%s: %s (-sent +got):\n%s", name, text, diff)
		}
	}
}

func TestAnswersComeBack(t *testing.T) {
	t.Parallel()
	for name, out := range map[string]*everything{"full": full(), "empty": {}, "empty collections": {Names: []string{}, Labels: map[string][]string{}}} {
		text := awsquery.AppendAnswer(nil, sts.Service, "Do", "id", out)
		got := new(everything)
		if err := awsquery.DecodeAnswer("Do", text, got); err != nil {
			t.Fatalf("%s: %s: %v", name, text, err)
		}
		if diff := cmp.Diff(out, got, same); diff != "" {
			t.Errorf("%s: %s (-sent +got):\n%s", name, text, diff)
		}
	}
}

// AWS breaks its answers into lines, with white space around everything.
func TestAnswersOfAWS(t *testing.T) {
	t.Parallel()
	var out sts.GetCallerIdentityOutput
	err := awsquery.DecodeAnswer("GetCallerIdentity", []byte(`<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
    <Arn>arn:aws:iam::123456789012:user/Alice</Arn>
    <UserId>AIDA</UserId>
    <Account>123456789012</Account>
    <Later><member>1</member></Later>
  </GetCallerIdentityResult>
  <ResponseMetadata>
    <RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId>
  </ResponseMetadata>
</GetCallerIdentityResponse>
`), &out)
	if err != nil {
		t.Fatal(err)
	}
	want := sts.GetCallerIdentityOutput{Arn: new("arn:aws:iam::123456789012:user/Alice"), UserId: new("AIDA"), Account: new("123456789012")}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFormsAreRefused(t *testing.T) {
	t.Parallel()
	for name, form := range map[string]string{
		"a bad escape":              "Text=%zz",
		"a bad escape in a name":    "%zz=" + canary,
		"invalid UTF-8":             "Text=" + canary + "%ff",
		"a duplicate":               "Text=" + canary + "&Text=" + canary,
		"an escaped duplicate":      "Text=a&T%65xt=b",
		"an unknown duplicate":      "X=a&X=b",
		"a duplicate element":       "Names.member.1=a&Names.member.1=b",
		"too many parameters":       strings.Repeat("X=1&", 1001),
		"a name of many parts":      strings.Repeat("a.", 20) + "=1",
		"a number that is none":     "Count=" + canary,
		"a fraction":                "Count=1.5",
		"a number too large":        "Count=2147483648",
		"no number":                 "Total=",
		"a boolean that is none":    "Flag=" + canary,
		"a time that is none":       "At=" + canary,
		"a blob that is none":       "Blob=%25%25",
		"a secret that is none":     "Key=" + canary + "!",
		"a value with parts":        "Text.a=b",
		"a list without numbers":    "Names=" + canary,
		"an element without number": "Names.member.x=a",
		"an element zero":           "Names.member.0=a",
		"an element 01":             "Names.member.01=a",
		"an element huge":           "Names.member.99999999999999999999=a",
		"a list by another name":    "Names.item.1=a",
		"an entry without key":      "Labels.entry.1.value.member.1=a",
		"an entry without value":    "Labels.entry.1.key=a",
		"two entries of one key":    "Labels.entry.1.key=a&Labels.entry.1.value=&Labels.entry.2.key=a&Labels.entry.2.value=",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parsed, err := awsquery.ParseForm(form)
			if err == nil {
				err = parsed.Decode(new(everything))
			}
			if err == nil {
				t.Fatal("was accepted")
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the error tells a value: %v", err)
			}
		})
	}
}

func TestListsKeepTheOrderOfTheirNumbers(t *testing.T) {
	t.Parallel()
	form, err := awsquery.ParseForm("Names.member.10=c&Names.member.2=b&Names.member.1=a")
	if err != nil {
		t.Fatal(err)
	}
	var got everything
	if err := form.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, got.Names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnswersAreRefused(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing":         "",
		"no XML":          "<Do" + canary,
		"another answer":  "<OtherResponse/>",
		"not closed":      "<DoResponse><DoResult>",
		"a document type": `<!DOCTYPE x [<!ENTITY e "` + canary + `">]><DoResponse>&e;</DoResponse>`,
		"a bare doctype":  "<!DOCTYPE x><DoResponse/>",
		"an entity":       "<DoResponse><DoResult><Text>&e;</Text></DoResult></DoResponse>",
		"a duplicate":     "<DoResponse><DoResult><Text>a</Text><Text>b</Text></DoResult></DoResponse>",
		"deep nesting":    strings.Repeat("<a>", 1000) + strings.Repeat("</a>", 1000),
		"many elements":   "<DoResponse>" + strings.Repeat("<member/>", 2000) + "</DoResponse>",
		"a wrong type":    "<DoResponse><DoResult><Count>" + canary + "</Count></DoResult></DoResponse>",
	} {
		err := awsquery.DecodeAnswer("Do", []byte(body), new(everything))
		if err == nil {
			t.Errorf("%s: was accepted", name)
		} else if strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error tells a value: %v", name, err)
		}
	}
}

func TestErrorsComeBack(t *testing.T) {
	t.Parallel()
	for _, sent := range []*api.Error{
		sts.ExpiredTokenException.New("The <token> is \"expired\""),
		api.AccessDenied.New("no"), api.ServiceUnavailable.New(""),
	} {
		body := awsquery.AppendError(nil, sts.Service, "id-1", sent)
		got := awsquery.DecodeError(sent.HTTPStatus(), http.Header{}, body)
		if got.Code != sent.Code || got.Message != sent.Message || got.HTTPStatus() != sent.HTTPStatus() || got.RequestID != "id-1" {
			t.Errorf("%s became %+v", body, got)
		}
	}
	fault := string(awsquery.AppendError(nil, nil, "id", api.InternalFailure.New("x")))
	if !strings.Contains(fault, "AWSFault") || !strings.Contains(fault, "<Type>Receiver</Type>") {
		t.Errorf("a fault without a service is %s", fault)
	}
}

func TestErrorsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		body   string
		code   string
	}{
		"a page":              {502, "<html><body>Bad Gateway</body></html>", "InternalFailure"},
		"nothing":             {403, "", "UnknownError"},
		"no XML":              {400, "{}", "UnknownError"},
		"too long":            {400, "<ErrorResponse><Error><Code>A</Code></Error></ErrorResponse>" + strings.Repeat(" ", 1<<20), "UnknownError"},
		"a code too long":     {400, "<ErrorResponse><Error><Code>" + strings.Repeat("A", 1000) + "</Code></Error></ErrorResponse>", "UnknownError"},
		"no error in it":      {400, "<ErrorResponse/>", "UnknownError"},
		"a message with more": {400, "<ErrorResponse><Error><Code>A</Code><Message>" + strings.Repeat("é", 10_000) + "</Message></Error></ErrorResponse>", "A"},
	} {
		err := awsquery.DecodeError(test.status, http.Header{"X-Amzn-Requestid": {"id"}}, []byte(test.body))
		if err.Code != test.code || err.Status != test.status || err.RequestID != "id" || len(err.Message) > 5000 {
			t.Errorf("%s: %.200v", name, err)
		}
	}
}

// FuzzForm holds that no form breaks the decoder, and that what it accepts means the
// same when it is written and read again.
func FuzzForm(f *testing.F) {
	f.Add(string(awsquery.EncodeForm(sts.Service, "Do", full())))
	for _, form := range []string{"Text=a&Text=b", "Names.member.1=a&Names.member.3=b", "Labels.entry.1.key=a&Labels.entry.1.value=", "Tags.member.1.Key=%ff", "a.b.c.d=1", "Count=+0900", "At=2026-01-01T00:00:00Z"} {
		f.Add(form)
	}
	f.Fuzz(func(t *testing.T, form string) {
		parsed, err := awsquery.ParseForm(form)
		if err != nil {
			return
		}
		var in everything
		if err := parsed.Decode(&in); err != nil {
			return
		}
		first := awsquery.EncodeForm(sts.Service, "Do", &in)
		again, err := awsquery.ParseForm(string(first))
		if err != nil {
			t.Fatalf("%q was written as %q: %v", form, first, err)
		}
		var back everything
		if err := again.Decode(&back); err != nil {
			t.Fatalf("%q was written as %q: %v", form, first, err)
		}
		if second := awsquery.EncodeForm(sts.Service, "Do", &back); string(first) != string(second) {
			t.Fatalf("%q changed:\n%s\n%s", form, first, second)
		}
	})
}

// FuzzAnswer holds that no answer breaks the decoder.
func FuzzAnswer(f *testing.F) {
	f.Add(awsquery.AppendAnswer(nil, sts.Service, "Do", "id", full()))
	f.Add(awsquery.AppendError(nil, sts.Service, "id", api.AccessDenied.New("no")))
	f.Fuzz(func(t *testing.T, body []byte) {
		_ = awsquery.DecodeAnswer("Do", body, new(everything))
		if err := awsquery.DecodeError(400, nil, body); err.Code == "" || len(err.Message) > 5000 {
			t.Fatalf("%q became %v", body, err)
		}
	})
}
