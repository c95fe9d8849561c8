// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package aws_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coffer-secrets/coffer/coffertest"
	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/source/aws"
	"github.com/coffer-secrets/coffer/internal/source/sourcetest"
)

func callerOf(t *testing.T, srv *coffertest.Server) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Getenv: srv.Config().Getenv, Endpoint: srv.URL, Region: coffertest.Region})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Forget)
	return c
}

// encrypt returns ids of values under a new key of the server's.
func encrypt(t *testing.T, c awsjson.Caller, context map[string]string, values ...string) (ids []string) {
	t.Helper()
	key, err := awsjson.Do(t.Context(), c, kms.CreateKey, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		out, err := awsjson.Do(t.Context(), c, kms.Encrypt, &kms.EncryptInput{
			KeyId: key.KeyMetadata.KeyId, Plaintext: secret.NewBlob([]byte(v)), EncryptionContext: context,
		})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, base64.StdEncoding.EncodeToString(out.CiphertextBlob))
	}
	return ids
}

func TestDecrypt(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t)
	c := callerOf(t, srv)
	plain := encrypt(t, c, nil, "s3cret", "\xff\x00")
	helped := encrypt(t, c, map[string]string{"LambdaFunctionName": "orders"}, "from the console")
	seen := len(srv.Calls())
	for name, test := range map[string]struct {
		function, id string
		text, binary string
		refused      bool
		calls        int
	}{
		"text":                          {"", plain[0], "s3cret", "", false, 1},
		"in Lambda":                     {"orders", plain[0], "s3cret", "", false, 1},
		"bytes":                         {"", plain[1], "", "\xff\x00", false, 1},
		"the console's":                 {"orders", helped[0], "from the console", "", false, 2},
		"the console's, elsewhere":      {"", helped[0], "", "", true, 1},
		"the console's for another one": {"invoices", helped[0], "", "", true, 2},
	} {
		v, err := aws.NewDecrypter(c, test.function).Fetch(t.Context(), cache.Ref{ID: test.id, Stage: "AWSCURRENT"})
		if kms.InvalidCiphertextException.Is(err) != test.refused || !test.refused && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if v.Text.RevealString() != test.text || v.Binary.RevealString() != test.binary {
			t.Errorf("%s: text %q, binary %q", name, v.Text.RevealString(), v.Binary.RevealString())
		}
		if diff := cmp.Diff(map[string]int{"Decrypt": test.calls}, calls(srv, &seen)); diff != "" {
			t.Errorf("%s: calls %s", name, diff)
		}
	}
}

func TestWhatIsNoCiphertextIsNotSent(t *testing.T) {
	t.Parallel()
	c := &counting{}
	for _, ref := range []cache.Ref{
		{ID: ""},
		{ID: "hunter2!"},
		{ID: base64.StdEncoding.EncodeToString(make([]byte, 6145))},
		{ID: "AAAA", VersionID: "v"},
		{ID: "AAAA", Stage: "AWSPREVIOUS"},
		{ID: "AAAA", Role: "arn:aws:iam::123456789012:role/x"},
	} {
		_, err := aws.NewDecrypter(c, "f").Fetch(t.Context(), ref)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%.20s: %v", fmt.Sprintf("%+v", ref), err)
		}
	}
	if c.calls != 0 {
		t.Errorf("%d calls", c.calls)
	}
}

func TestTheSourcesDoWhatSourcesDo(t *testing.T) {
	t.Parallel()
	subject := func(t *testing.T, begin func(*coffertest.Server, *client.Client, *sourcetest.Subject)) sourcetest.Subject {
		srv := coffertest.NewServer(t)
		c := callerOf(t, srv)
		var s sourcetest.Subject
		begin(srv, c, &s)
		s.Set = func(state sourcetest.State) { srv.Outage(state == sourcetest.Down) }
		return s
	}
	t.Run("secrets", func(t *testing.T) {
		t.Parallel()
		sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
			return subject(t, func(srv *coffertest.Server, c *client.Client, s *sourcetest.Subject) {
				srv.SetSecret("db", "s3cret")
				s.Source, s.Ref, s.Want, s.Missing = aws.New(c), cache.Ref{ID: "db"}, "s3cret", cache.Ref{ID: "missing"}
			})
		})
	})
	t.Run("ciphertexts", func(t *testing.T) {
		t.Parallel()
		sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
			return subject(t, func(_ *coffertest.Server, c *client.Client, s *sourcetest.Subject) {
				s.Source, s.Ref, s.Want = aws.NewDecrypter(c, "f"), cache.Ref{ID: encrypt(t, c, nil, "s3cret")[0]}, "s3cret"
				s.Missing = cache.Ref{ID: "AAAA"}
			})
		})
	})
}

func TestAKeyThatIsDisabledIsARefusal(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		soft bool
	}{
		"disabled": {kms.DisabledException.New("no"), false},
		"internal": {api.ErrorCode{Code: "KMSInternalException", Status: 500}.New("no"), true},
		"no text":  {nil, false},
	} {
		_, err := aws.NewDecrypter(&caller{answer: "{}", err: c.err}, "").Fetch(context.Background(), cache.Ref{ID: "AAAA"})
		if _, soft := err.(*cache.Unavailable); err == nil || soft != c.soft {
			t.Errorf("%s: %v", name, err)
		}
	}
}
