// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package awsjson_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/secret"
)

const canary = "hunter2-canary"

// caller answers a call by a function.
type caller func(service *api.Service, operation string, body []byte) ([]byte, error)

func (c caller) Call(_ context.Context, service *api.Service, operation string, body []byte) ([]byte, error) {
	return c(service, operation, body)
}

func TestDo(t *testing.T) {
	t.Parallel()
	var raw []byte
	c := caller(func(service *api.Service, operation string, body []byte) ([]byte, error) {
		if service != secretsmanager.Service || operation != "GetSecretValue" || string(body) != `{"SecretId":"prod/db"}` {
			t.Errorf("called %s:%s with %s", service.Name, operation, body)
		}
		raw = []byte(`{"Name":"prod/db","SecretString":"` + canary + `","CreatedDate":1.7E9,"VersionStages":["AWSCURRENT"],"Later":{}}`)
		return raw, nil
	})
	out, err := awsjson.Do(t.Context(), c, secretsmanager.GetSecretValue, &secretsmanager.GetSecretValueInput{SecretId: new("prod/db")})
	if err != nil {
		t.Fatal(err)
	}
	if *out.Name != "prod/db" || out.SecretString.RevealString() != canary || !out.CreatedDate.Equal(time.Unix(1_700_000_000, 0)) || !out.SecretBinary.IsZero() {
		t.Errorf("got %+v", out)
	}
	if bytes.Contains(raw, []byte(canary)) {
		t.Error("the secret is still in the answer's bytes")
	}
}

func TestDoReturnsTheCallersError(t *testing.T) {
	t.Parallel()
	want := kms.NotFoundException.New("no")
	c := caller(func(*api.Service, string, []byte) ([]byte, error) { return nil, want })
	if _, err := awsjson.Do(t.Context(), c, kms.DescribeKey, &kms.DescribeKeyInput{}); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
}

func TestRequestsRevealSecrets(t *testing.T) {
	t.Parallel()
	in := &secretsmanager.PutSecretValueInput{SecretId: new("a"), SecretString: secret.NewText(canary), SecretBinary: secret.NewBlob([]byte{0})}
	if got := string(awsjson.Encode(in)); got != `{"SecretId":"a","SecretBinary":"AA==","SecretString":"`+canary+`"}` {
		t.Errorf("sent %s", got)
	}
}

func TestBadAnswersAreRefused(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"SecretString":"` + canary, `{"SecretString":1}`, `{"Name":["` + canary + `"]}`, `{"SecretBinary":"` + canary + `!"}`,
		`{"CreatedDate":"` + canary + `"}`, `"` + canary + `"`, `{} {}`,
	} {
		c := caller(func(*api.Service, string, []byte) ([]byte, error) { return []byte(body), nil })
		_, err := awsjson.Do(t.Context(), c, secretsmanager.GetSecretValue, &secretsmanager.GetSecretValueInput{})
		if err == nil {
			t.Errorf("%s was accepted", body)
		} else if strings.Contains(err.Error(), canary) || !strings.Contains(err.Error(), "secretsmanager:GetSecretValue") {
			t.Errorf("%s: %v", body, err)
		}
	}
	if err := awsjson.Decode(nil, new(kms.CreateAliasOutput)); err != nil {
		t.Errorf("an empty answer: %v", err)
	}
}

func TestDecodeError(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status        int
		header, body  string
		code, message string
	}{
		"plain":              {400, "", `{"__type":"ResourceNotFoundException","Message":"no"}`, "ResourceNotFoundException", "no"},
		"with a namespace":   {400, "", `{"__type":"com.amazonaws.kms#NotFoundException","message":"no"}`, "NotFoundException", "no"},
		"with a link":        {400, "AccessDeniedException:http://internal.amazon.com/coral/", `{"message":"no"}`, "AccessDeniedException", "no"},
		"the header first":   {400, "A", `{"__type":"B"}`, "A", ""},
		"a code":             {400, "", `{"code":"B"}`, "B", ""},
		"a bad header":       {400, "<script>", `{"__type":"B"}`, "B", ""},
		"a page":             {502, "", `<html>`, "InternalFailure", ""},
		"throttled, no body": {429, "", ``, "ThrottlingException", ""},
		"unavailable":        {503, "", ``, "ServiceUnavailable", ""},
		"too large":          {413, "", ``, "RequestEntityTooLargeException", ""},
		"nothing":            {403, "", ``, "UnknownError", ""},
		"types that are odd": {400, "", `{"__type":7,"message":{"a":1}}`, "UnknownError", ""},
		"a body too long":    {400, "", `{"__type":"A","x":"` + strings.Repeat("x", 1<<20) + `"}`, "UnknownError", ""},
		"a code too long":    {400, "", `{"__type":"` + strings.Repeat("A", 1000) + `"}`, "UnknownError", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			header.Set("x-amzn-RequestId", "id-1")
			header.Set("x-amzn-ErrorType", test.header)
			err := awsjson.DecodeError(test.status, header, []byte(test.body))
			if err.Code != test.code || err.Message != test.message || err.Status != test.status || err.RequestID != "id-1" {
				t.Errorf("got %+v", err)
			}
		})
	}
	long := awsjson.DecodeError(400, nil, []byte(`{"message":"`+strings.Repeat("é", 10_000)+`"}`))
	if len(long.Message) > 5000 || !strings.HasSuffix(long.Message, "é...") {
		t.Errorf("a message of %d bytes", len(long.Message))
	}
}

func FuzzDecodeError(f *testing.F) {
	f.Add(400, "A#B:c", []byte(`{"__type":"a#b","message":"x"}`))
	f.Fuzz(func(t *testing.T, status int, header string, body []byte) {
		err := awsjson.DecodeError(status, http.Header{"X-Amzn-Errortype": {header}}, body)
		if err.Code == "" || len(err.Code) > 128 || len(err.Message) > 5000 {
			t.Errorf("got %+v", err)
		}
	})
}
