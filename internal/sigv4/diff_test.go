// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package sigv4_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// A drawn is a request that rapid made up, and how it is signed.
type drawn struct {
	method, path, query string
	header              http.Header
	body                []byte
	with                sigv4.Signing
}

// draw makes up a request. Its path has no empty and no dot segments: there the Go
// SDK, unlike the others and unlike AWS, does not normalise.
func draw(t *rapid.T) drawn {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("aZ0 -._~!$&'()*+,;=:@/?#%[]\"<>\\^`{|}é\u1234\U0001F511")), 0, 12, -1)
	segment := rapid.StringMatching(`[a-zA-Z0-9 _~!$&'()*+,;=:@%é-]{1,8}`)
	value := rapid.StringMatching(`[!-~]?( {0,3}[!-~]{1,6}){0,4} {0,2}`)
	name := rapid.SampledFrom([]string{
		"Content-Type", "X-Amz-Target", "X-Amz-Meta", "X-Custom", "Accept", "Amz-Sdk-Invocation-Id", "User-Agent", "X-Amzn-Trace-Id",
	})
	d := drawn{
		method: rapid.SampledFrom([]string{"GET", "POST", "PUT", "DELETE"}).Draw(t, "method"),
		header: http.Header{},
		body:   rapid.SliceOfN(rapid.Byte(), 0, 80).Draw(t, "body"),
	}
	raw := rapid.SampledFrom([]string{"%7E", "%c3%a9", "a%2fb", "%20", "..%2F", "a%25b"}) // encoded in another way than Go does
	for _, s := range rapid.SliceOfN(rapid.OneOf(rapid.Map(segment, url.PathEscape), raw), 0, 3).Draw(t, "path") {
		d.path += "/" + s
	}
	if d.path == "" || rapid.Bool().Draw(t, "slash") {
		d.path += "/"
	}
	query := url.Values{}
	for range rapid.IntRange(0, 4).Draw(t, "parameters") {
		query.Add(rapid.OneOf(text, rapid.Just("k")).Draw(t, "key"), text.Draw(t, "value"))
	}
	d.query = query.Encode()
	for range rapid.IntRange(0, 4).Draw(t, "headers") {
		d.header.Add(name.Draw(t, "name"), value.Draw(t, "header"))
	}
	d.with = sigv4.Signing{
		Credentials: sigv4.Credentials{
			AccessKeyID:     rapid.StringMatching(`AKIA[A-Z0-9]{16}`).Draw(t, "id"),
			SecretAccessKey: secret.FromString(rapid.StringMatching(`[A-Za-z0-9/+]{40}`).Draw(t, "secret")),
			SessionToken:    rapid.StringMatching(`([A-Za-z0-9/+]{10,20}=)?`).Draw(t, "token"),
		},
		Region:  rapid.SampledFrom([]string{"us-east-1", "eu-central-1", "x"}).Draw(t, "region"),
		Service: rapid.SampledFrom([]string{"secretsmanager", "ssm", "kms", "sts"}).Draw(t, "service"),
		Time:    time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "time"), 0).UTC(),
	}
	return d
}

// request returns the request as a client makes it, for a server at base.
func (d *drawn) request(t *rapid.T, base string) *http.Request {
	target := base + d.path
	if d.query != "" {
		target += "?" + d.query
	}
	req, err := http.NewRequest(d.method, target, bytes.NewReader(d.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = d.header.Clone()
	return req
}

func (d *drawn) terms() sigv4.Terms {
	return sigv4.Terms{
		Secret: d.with.Credentials.SecretAccessKey, Now: d.with.Time.Add(time.Minute), Service: d.with.Service, Region: d.with.Region,
	}
}

// sdk signs with the AWS SDK for Go.
func (d *drawn) sdk(t *rapid.T, req *http.Request) {
	err := v4.NewSigner().SignHTTP(t.Context(), d.sdkCredentials(), req, hash(d.body), d.with.Service, d.with.Region, d.with.Time)
	if err != nil {
		t.Fatal(err)
	}
}

// sdkPresign presigns with the AWS SDK for Go, for so many seconds.
func (d *drawn) sdkPresign(t *rapid.T, req *http.Request, expires int) string {
	req = req.Clone(t.Context())
	query := req.URL.Query()
	query.Set("X-Amz-Expires", strconv.Itoa(expires))
	req.URL.RawQuery = query.Encode()
	signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), d.sdkCredentials(), req, hash(d.body),
		d.with.Service, d.with.Region, d.with.Time, func(o *v4.SignerOptions) { o.DisableHeaderHoisting = true })
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func (d *drawn) sdkCredentials() aws.Credentials {
	c := d.with.Credentials
	return aws.Credentials{
		AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey.RevealString(), SessionToken: c.SessionToken,
	}
}

func hash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func TestSignAsTheSDK(t *testing.T) {
	t.Parallel()
	var s sigv4.Signer
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		want, got := d.request(t, "http://example.com"), d.request(t, "http://example.com")
		d.sdk(t, want)
		if err := s.Sign(got, d.body, d.with); err != nil {
			t.Fatal(err)
		}
		if g, w := got.Header.Get("Authorization"), want.Header.Get("Authorization"); g != w {
			t.Errorf("\n got %s\nwant %s", g, w)
		}
		if err := verify(got, d.body, d.terms()); err != nil {
			t.Error(err)
		}
	})
}

func TestPresignAsTheSDK(t *testing.T) {
	t.Parallel()
	var s sigv4.Signer
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		want, err := url.Parse(d.sdkPresign(t, d.request(t, "http://example.com"), 90))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := s.Presign(d.request(t, "http://example.com"), d.body, d.with, 90*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		got, err := url.Parse(signed)
		if err != nil {
			t.Fatal(err)
		}
		if g, w := got.Query().Get("X-Amz-Signature"), want.Query().Get("X-Amz-Signature"); g != w || g == "" {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	})
}

// TestVerifyTheSDKOverHTTP sends what the SDK signed through net/http's client and
// server, which have ideas of their own about paths and headers.
func TestVerifyTheSDKOverHTTP(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			var v sigv4.Verifier
			terms := make(chan sigv4.Terms, 1)
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				term := <-terms
				p, err := sigv4.Parse(req)
				if err == nil {
					var body []byte
					body, _ = io.ReadAll(req.Body)
					err = v.Verify(p, body, term)
				}
				if err != nil {
					http.Error(w, err.Error(), http.StatusForbidden)
					return
				}
				_, _ = io.WriteString(w, p.AccessKeyID+" "+p.SessionToken()+" "+req.Proto)
			}))
			server.EnableHTTP2 = protocol == "HTTP/2.0"
			server.StartTLS()
			t.Cleanup(server.Close)

			rapid.Check(t, func(t *rapid.T) {
				d := draw(t)
				req := d.request(t, server.URL)
				if rapid.Bool().Draw(t, "presigned") {
					signed, err := url.Parse(d.sdkPresign(t, req, 90))
					if err != nil {
						t.Fatal(err)
					}
					req.URL = signed
				} else {
					d.sdk(t, req)
				}
				terms <- d.terms()
				res, err := server.Client().Do(req)
				if err != nil {
					t.Fatal(err)
				}
				answer, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				want := d.with.Credentials.AccessKeyID + " " + d.with.Credentials.SessionToken + " " + protocol
				if strings.TrimSpace(string(answer)) != want {
					t.Errorf("%s %s: %s", d.method, req.URL, answer)
				}
			})
		})
	}
}
