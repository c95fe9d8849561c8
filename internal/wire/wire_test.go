// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/coffer"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/wire"
)

var all = wire.Services{kms.Service, secretsmanager.Service, ssm.Service, sts.Service, coffer.Service}

// jsonRequest returns the request of an X-Amz-Target with the body.
func jsonRequest(tb testing.TB, target, body string) *wire.Request {
	tb.Helper()
	req := httptest.NewRequest(http.MethodPost, "/", nil)
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", target)
	r, err := all.Identify(req, []byte(body))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// queryRequest returns the request of a form.
func queryRequest(tb testing.TB, form string) *wire.Request {
	tb.Helper()
	r, err := all.Identify(formRequest(form), []byte(form))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func formRequest(form string) *http.Request {
	req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return req
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	r := jsonRequest(t, "TrentService.Encrypt", "{}")
	if r.Service != kms.Service || r.Operation != "Encrypt" {
		t.Errorf("found %v %s", r.Service, r.Operation)
	}
	r = queryRequest(t, "Action=GetCallerIdentity&Version=2011-06-15&Unknown=x")
	if r.Service != sts.Service || r.Operation != "GetCallerIdentity" {
		t.Errorf("found %v %s", r.Service, r.Operation)
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		req := httptest.NewRequest(method, "/?Action=GetCallerIdentity&Version=2011-06-15", nil)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if r, err := all.Identify(req, nil); err != nil || r.Operation != "GetCallerIdentity" {
			t.Errorf("a %s request with a query and no body: %v", method, err)
		}
	}
	// The path of a service of our own says all, whatever else a request has.
	req := httptest.NewRequest(http.MethodPost, "/coffer/v1/ListEvents?Action=GetCallerIdentity&Version=2011-06-15", nil)
	req.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
	if r, err := all.Identify(req, []byte("{}")); err != nil || r.Service != coffer.Service || r.Operation != "ListEvents" || r.Protocol() != api.JSON {
		t.Errorf("found %v %s, %v", r.Service, r.Operation, err)
	}
}

func TestIdentifyRefuses(t *testing.T) {
	t.Parallel()
	target := func(values ...string) *http.Request {
		req := httptest.NewRequest(http.MethodPost, "/", nil)
		req.Header["X-Amz-Target"] = values
		return req
	}
	for name, test := range map[string]struct {
		req           *http.Request
		body          string
		code, message string
	}{
		"an unknown service":           {target("AmazonEC2.RunInstances"), "{}", "UnknownOperationException", ""},
		"an unknown operation":         {target("secretsmanager.Explode"), "{}", "UnknownOperationException", ""},
		"a target in the wrong case":   {target("SecretsManager.GetSecretValue"), "{}", "UnknownOperationException", ""},
		"a target of no service":       {target(".ListEvents"), "{}", "UnknownOperationException", ""},
		"a path of no operation":       {httptest.NewRequest(http.MethodPost, "/coffer/v1/Explode", nil), "{}", "UnknownOperationException", ""},
		"a path below an operation":    {httptest.NewRequest(http.MethodPost, "/coffer/v1/ListEvents/x", nil), "{}", "UnknownOperationException", ""},
		"a path that is gotten":        {httptest.NewRequest(http.MethodGet, "/coffer/v1/ListEvents", nil), "", "UnknownOperationException", ""},
		"a target of a query service":  {target(".GetCallerIdentity"), "{}", "UnknownOperationException", ""},
		"two targets":                  {target("secretsmanager.GetSecretValue", "secretsmanager.DeleteSecret"), "{}", "UnknownOperationException", ""},
		"neither target nor action":    {httptest.NewRequest(http.MethodPost, "/", nil), "{}", "UnknownOperationException", ""},
		"a form without action":        {formRequest(""), "Version=2011-06-15", "MissingAction", ""},
		"an unknown action":            {formRequest(""), "Action=NoSuchAction&Version=2011-06-15", "InvalidAction", "Could not find operation NoSuchAction for version 2011-06-15"},
		"an action of another version": {formRequest(""), "Action=GetCallerIdentity&Version=2000-01-01", "InvalidAction", "Could not find operation GetCallerIdentity for version 2000-01-01"},
		"no version":                   {formRequest(""), "Action=GetCallerIdentity", "InvalidAction", "Could not find operation GetCallerIdentity for version NO_VERSION_SPECIFIED"},
		"a JSON operation as a form":   {formRequest(""), "Action=GetSecretValue&Version=2017-10-17", "InvalidAction", ""},
		"two actions":                  {formRequest(""), "Action=GetCallerIdentity&Action=AssumeRole&Version=2011-06-15", "MalformedInput", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := all.Identify(test.req, []byte(test.body))
			if err == nil {
				t.Fatalf("was taken for %s", r.Operation)
			}
			if err.Code != test.code || test.message != "" && err.Message != test.message {
				t.Errorf("answered %v", err)
			}
			if len(r.AppendError(nil, "id", err)) == 0 {
				t.Error("the error has no body")
			}
		})
	}
}

func TestDecodeTakesWhatAWSTakes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body string
		want ssm.DescribeParametersInput
	}{
		"an empty object":                    {`{}`, ssm.DescribeParametersInput{}},
		"white space around":                 {" {} \n", ssm.DescribeParametersInput{}},
		"null for absent":                    {`{"MaxResults":null,"Filters":null}`, ssm.DescribeParametersInput{}},
		"unknown members":                    {`{"X":{"Y":[1,{"Z":null}]},"MaxResults":5}`, ssm.DescribeParametersInput{MaxResults: new(int32(5))}},
		"a name in another case":             {`{"maxresults":5}`, ssm.DescribeParametersInput{}},
		"an escaped name":                    {`{"Max\u0052esults":5}`, ssm.DescribeParametersInput{MaxResults: new(int32(5))}},
		"a fraction, which is cut":           {`{"MaxResults":5.9}`, ssm.DescribeParametersInput{MaxResults: new(int32(5))}},
		"an exponent":                        {`{"MaxResults":1e1}`, ssm.DescribeParametersInput{MaxResults: new(int32(10))}},
		"an empty list, which is not absent": {`{"Filters":[]}`, ssm.DescribeParametersInput{Filters: []ssm.ParametersFilter{}}},
		"null in a list": {
			`{"Filters":[null,{"Key":"Name","Values":["a",null,"\u00e9\ud83d\ude00"]}]}`,
			ssm.DescribeParametersInput{Filters: []ssm.ParametersFilter{{Key: new("Name"), Values: []string{"a", "é😀"}}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got ssm.DescribeParametersInput
			if err := jsonRequest(t, "AmazonSSM.DescribeParameters", test.body).Decode(&got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("wrong request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeReadsEveryKind(t *testing.T) {
	t.Parallel()
	var in kms.EncryptInput
	body := `{"KeyId":"k","Plaintext":"AAE=","EncryptionContext":{"a":"b","n":null},"DryRun":false,"GrantTokens":["t"]}`
	if err := jsonRequest(t, "TrentService.Encrypt", body).Decode(&in); err != nil {
		t.Fatal(err)
	}
	if string(in.Plaintext.Reveal()) != "\x00\x01" || *in.DryRun || in.GrantTokens[0] != "t" {
		t.Errorf("decoded %+v", in)
	}
	if diff := cmp.Diff(map[string]string{"a": "b"}, in.EncryptionContext); diff != "" {
		t.Error(diff)
	}
	var material kms.ImportKeyMaterialInput
	if err := jsonRequest(t, "TrentService.ImportKeyMaterial", `{"ValidTo":1.7e9,"ImportToken":"AQ=="}`).Decode(&material); err != nil {
		t.Fatal(err)
	}
	if !material.ValidTo.Equal(time.Unix(1_700_000_000, 0)) || len(material.ImportToken) != 1 {
		t.Errorf("decoded %+v", material)
	}
	var rotate secretsmanager.RotateSecretInput
	if err := jsonRequest(t, "secretsmanager.RotateSecret", `{"RotationRules":{"AutomaticallyAfterDays":9007199254740993}}`).Decode(&rotate); err != nil {
		t.Fatal(err)
	}
	if *rotate.RotationRules.AutomaticallyAfterDays != 9007199254740993 {
		t.Error("a long lost its last digit")
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	const canary = "hunter2-canary"
	for name, test := range map[string]struct{ body, message string }{
		"no body":                  {``, "ends too early"},
		"broken JSON":              {`{"Name":"` + canary + `"`, "ends too early"},
		"a comma too much":         {`{"Name":"` + canary + `",}`, "invalid JSON"},
		"single quotes":            {`{'Name':'` + canary + `'}`, "invalid JSON"},
		"a list":                   {`[]`, "Start of list found where not expected"},
		"a string":                 {`"x"`, "not a JSON object"},
		"null":                     {`null`, "not a JSON object"},
		"a second object":          {`{} {}`, "goes on after"},
		"a duplicate member":       {`{"Name":"a","Name":"` + canary + `"}`, "twice"},
		"an escaped duplicate":     {`{"Name":"a","N\u0061me":"b"}`, "twice"},
		"an unknown duplicate":     {`{"X":1,"X":1}`, "twice"},
		"invalid UTF-8":            {"{\"Name\":\"a\xff\"}", "invalid UTF-8"},
		"invalid UTF-8 in a name":  {"{\"\xff\":1}", "invalid UTF-8"},
		"half a surrogate":         {`{"Name":"\ud800"}`, "invalid"},
		"a number for a string":    {`{"Name":1}`, "NUMBER_VALUE can not be converted to a String"},
		"true for a string":        {`{"Value":true}`, "TRUE_VALUE can not be converted to a String"},
		"false for a string":       {`{"Value":false}`, "FALSE_VALUE can not be converted to a String"},
		"a list for a string":      {`{"Name":["a"]}`, "Start of list found where not expected"},
		"an object for a string":   {`{"Value":{"a":"` + canary + `"}}`, "Start of structure or map found where not expected."},
		"a string for a boolean":   {`{"Overwrite":"true"}`, "STRING_VALUE can not be converted to a Boolean"},
		"a number for a boolean":   {`{"Overwrite":1}`, "NUMBER_VALUE can not be converted to a Boolean"},
		"a string for a list":      {`{"Tags":"` + canary + `"}`, "Expected list or null"},
		"an object for a list":     {`{"Tags":{}}`, "Start of structure or map found where not expected."},
		"a string for a structure": {`{"Tags":["` + canary + `"]}`, "Expected null"},
		"a list in a list":         {`{"Tags":[[]]}`, "Start of list found where not expected"},
		"deep nesting":             {`{"X":` + strings.Repeat(`[`, 1000) + strings.Repeat(`]`, 1000) + `}`, "nests deeper"},
		"deep nesting, not closed": {`{"X":` + strings.Repeat(`{"a":`, 100_000), "nests deeper"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := jsonRequest(t, "AmazonSSM.PutParameter", test.body).Decode(new(ssm.PutParameterInput))
			if err == nil {
				t.Fatal("was accepted")
			}
			if err.Code != "SerializationException" || err.HTTPStatus() != 400 || !strings.Contains(err.Message, test.message) {
				t.Errorf("answered %v, want a message with %q", err, test.message)
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the error tells a value: %v", err)
			}
		})
	}
}

func TestDecodeRefusesNumbers(t *testing.T) {
	t.Parallel()
	for _, number := range []string{"2147483648", "-2147483649", "1e30", "9223372036854775808", "1" + strings.Repeat("0", 400), "1e999999999", `"1"`, "true", "01", "+1", "NaN"} {
		err := jsonRequest(t, "AmazonSSM.DescribeParameters", `{"MaxResults":`+number+`}`).Decode(new(ssm.DescribeParametersInput))
		if err == nil || err.Code != "SerializationException" {
			t.Errorf("%s: answered %v", number, err)
		}
	}
	for _, body := range []string{`{"ValidTo":1e300}`, `{"ValidTo":"x"}`, `{"ImportToken":"%%%"}`, `{"ImportToken":1}`, `{"EncryptionContext":"x"}`} {
		if err := jsonRequest(t, "TrentService.ImportKeyMaterial", body).Decode(new(kms.ImportKeyMaterialInput)); err == nil && !strings.Contains(body, "EncryptionContext") {
			t.Errorf("%s was accepted", body)
		}
	}
	if err := jsonRequest(t, "TrentService.Encrypt", `{"EncryptionContext":"x"}`).Decode(new(kms.EncryptInput)); err == nil || err.Message != "Expected map or null" {
		t.Errorf("answered %v", err)
	}
}

func TestQueryRequests(t *testing.T) {
	t.Parallel()
	form := "Action=AssumeRole&Version=2011-06-15&RoleArn=arn&DurationSeconds=%2B0900&Tags.member.2.Key=b&Tags.member.1.Key=a&Tags.member.1.Value="
	var in sts.AssumeRoleInput
	if err := queryRequest(t, form).Decode(&in); err != nil {
		t.Fatal(err)
	}
	want := sts.AssumeRoleInput{
		RoleArn: new("arn"), DurationSeconds: new(int32(900)),
		Tags: []sts.Tag{{Key: new("a"), Value: new("")}, {Key: new("b")}},
	}
	if diff := cmp.Diff(want, in); diff != "" {
		t.Errorf("wrong request (-want +got):\n%s", diff)
	}
	err := queryRequest(t, "Action=AssumeRole&Version=2011-06-15&DurationSeconds=").Decode(new(sts.AssumeRoleInput))
	if err == nil || err.Code != "MalformedInput" || err.Message != "durationSeconds: missing value for decimal type" {
		t.Errorf("answered %v", err)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	r := jsonRequest(t, "secretsmanager.GetSecretValue", "{}")
	out := &secretsmanager.GetSecretValueOutput{
		Name:          new("a\"\\/<é>\u2028"),
		SecretString:  secret.NewText("s\x00\n"),
		SecretBinary:  secret.NewBlob([]byte{0, 1}),
		VersionStages: []string{},
		CreatedDate:   new(api.NewTime(time.UnixMilli(1_700_000_000_120))),
	}
	want := `{"Name":"a\"\\/<é>` + "\u2028" + `","SecretBinary":"AAE=","SecretString":"s\u0000\n","VersionStages":[],"CreatedDate":1700000000.120}`
	if diff := cmp.Diff(want, string(r.Append(nil, "id", out))); diff != "" {
		t.Errorf("wrong answer (-want +got):\n%s", diff)
	}
	if got := string(r.Append(nil, "id", new(secretsmanager.TagResourceOutput))); got != "{}" {
		t.Errorf("an empty answer is %s", got)
	}
	for _, test := range []struct {
		err  *api.Error
		want string
	}{
		{secretsmanager.ResourceNotFoundException.New("no \"it\""), `{"__type":"ResourceNotFoundException","Message":"no \"it\""}`},
		{kms.NotFoundException.New("no"), `{"__type":"NotFoundException","message":"no"}`},
		{ssm.InvalidFilterKey.New(""), `{"__type":"InvalidFilterKey"}`},
		{
			ssm.ResourcePolicyInvalidParameterException.New("x").WithDetails(&struct {
				ParameterNames []string `json:"ParameterNames,omitzero"`
			}{[]string{"a", "b"}}),
			`{"__type":"ResourcePolicyInvalidParameterException","Message":"x","ParameterNames":["a","b"]}`,
		},
		{
			ssm.InvalidResourceId.New("").WithDetails(&struct {
				Limit *int32 `json:"Limit,omitzero"`
			}{}),
			`{"__type":"InvalidResourceId"}`,
		},
	} {
		if got := string(r.AppendError(nil, "id", test.err)); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

func TestQueryAnswers(t *testing.T) {
	t.Parallel()
	r := queryRequest(t, "Action=GetCallerIdentity&Version=2011-06-15")
	got := string(r.Append(nil, "req-1", &sts.GetCallerIdentityOutput{Account: new("000000000000"), Arn: new("a<b")}))
	want := `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>` +
		`<Account>000000000000</Account><Arn>a&lt;b</Arn></GetCallerIdentityResult>` +
		`<ResponseMetadata><RequestId>req-1</RequestId></ResponseMetadata></GetCallerIdentityResponse>`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wrong answer (-want +got):\n%s", diff)
	}
	got = string(r.AppendError(nil, "req-1", api.AccessDenied.New("no")))
	want = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code>` +
		`<Message>no</Message></Error><RequestId>req-1</RequestId></ErrorResponse>`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wrong error (-want +got):\n%s", diff)
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		r    *wire.Request
		want string
	}{
		{jsonRequest(t, "TrentService.ListKeys", "{}"), "application/x-amz-json-1.1"},
		{queryRequest(t, "Action=GetCallerIdentity&Version=2011-06-15"), "text/xml"},
	} {
		w := httptest.NewRecorder()
		if err := test.r.Write(w, 418, "req-1", []byte("body")); err != nil {
			t.Fatal(err)
		}
		h := w.Result().Header
		if w.Code != 418 || h.Get("Content-Type") != test.want || h.Get("x-amzn-RequestId") != "req-1" || h.Get("Content-Length") != "4" || w.Body.String() != "body" {
			t.Errorf("wrote %d %v %s", w.Code, h, w.Body)
		}
	}
}

func TestNotImplementedNamesTheOperation(t *testing.T) {
	t.Parallel()
	err := kms.Service.NotImplemented("Sign")
	if err.HTTPStatus() != 501 || !strings.Contains(err.Message, "kms:Sign") {
		t.Errorf("answered %v", err)
	}
}
