// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package servicetest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

// Config is the configuration of an AWS SDK client that calls the server with those
// credentials, in Region. It neither retries nor looks at the environment.
func (s *Server) Config(c Credentials) aws.Config { return s.ConfigIn(Region, c) }

// ConfigIn is Config for another region.
func (s *Server) ConfigIn(region string, c Credentials) aws.Config {
	signer := clockSigner{v4.NewSigner(), s.Clock}
	return aws.Config{
		Region:       region,
		BaseEndpoint: &s.URL,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}, nil
		}),
		Retryer:    func() aws.Retryer { return aws.NopRetryer{} },
		HTTPClient: &http.Client{Transport: patient{&http.Transport{DisableKeepAlives: true}}},
		ServiceOptions: []func(string, any){func(_ string, options any) {
			switch o := options.(type) {
			case *secretsmanager.Options:
				o.HTTPSignerV4 = signer
			case *ssm.Options:
				o.HTTPSignerV4 = signer
			case *kms.Options:
				o.HTTPSignerV4 = signer
			case *iam.Options:
				o.HTTPSignerV4 = signer
			case *sts.Options:
				o.HTTPSignerV4 = signer
			}
		}},
	}
}

// patient sends requests with a copy of their body. The SDK closes the body that it gave
// as soon as the head of an answer is there; a transport that has not yet seen the body's
// end takes that for a fault, and cuts a long answer off.
type patient struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (p patient) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body == nil {
		return p.RoundTripper.RoundTrip(req)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	own := req.Clone(req.Context())
	own.Body = io.NopCloser(bytes.NewReader(body))
	return p.RoundTripper.RoundTrip(own)
}

// clockSigner is the SDK's signer, at the time of the test's clock.
type clockSigner struct {
	signer *v4.Signer
	clock  *Clock
}

// SignHTTP implements HTTPSignerV4 of each of the SDK's services.
func (c clockSigner) SignHTTP(ctx context.Context, credentials aws.Credentials, r *http.Request, payloadHash, service, region string, _ time.Time, options ...func(*v4.SignerOptions)) error {
	return c.signer.SignHTTP(ctx, credentials, r, payloadHash, service, region, c.clock.Now(), options...)
}

// Answer is what came back for a request that Post sent.
type Answer struct {
	Status int
	Body   string
	// Type and Message are those of an error: the code without a namespace.
	Type, Message string
}

// Post sends a body as it is, rightly signed, for what an SDK would not send. The
// target is that of X-Amz-Target: "secretsmanager.GetSecretValue".
func (s *Server) Post(c Credentials, target, body string) Answer {
	s.tb.Helper()
	prefix, _, _ := strings.Cut(target, ".")
	service, ok := map[string]string{"secretsmanager": "secretsmanager", "AmazonSSM": "ssm", "TrentService": "kms"}[prefix]
	if !ok {
		s.tb.Fatalf("no service has the target prefix %q", prefix)
	}
	req, err := http.NewRequestWithContext(s.tb.Context(), http.MethodPost, s.URL+"/", strings.NewReader(body))
	if err != nil {
		s.tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", target)
	req.Close = true
	signing := sigv4.Signing{
		Credentials: sigv4.Credentials{
			AccessKeyID: c.AccessKeyID, SecretAccessKey: secret.FromString(c.SecretAccessKey), SessionToken: c.SessionToken,
		},
		Region: Region, Service: service, Time: s.Clock.Now(),
	}
	if err := new(sigv4.Signer).Sign(req, []byte(body), signing); err != nil {
		s.tb.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.tb.Fatal(err)
	}
	return answer(resp.StatusCode, raw)
}

func answer(status int, raw []byte) Answer {
	a := Answer{Status: status, Body: string(raw)}
	var fault map[string]any
	if status/100 == 2 || json.Unmarshal(raw, &fault) != nil {
		return a
	}
	a.Type, _ = fault["__type"].(string)
	if i := strings.LastIndexByte(a.Type, '#'); i >= 0 {
		a.Type = a.Type[i+1:]
	}
	for _, member := range []string{"message", "Message"} {
		if text, ok := fault[member].(string); ok {
			a.Message = text
		}
	}
	return a
}
