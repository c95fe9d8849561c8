// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/coffer-secrets/coffer/internal/limits"
)

func TestParametersHaveQuotasByTier(t *testing.T) {
	t.Parallel()
	f := newLimited(t, limits.Limits{Quotas: limits.Quotas{StandardParameters: 2, AdvancedParameters: 2}})
	n := 0
	put := func(tier types.ParameterTier) (types.ParameterTier, error) {
		n++
		out, err := f.ssm.PutParameter(t.Context(), &awsssm.PutParameterInput{
			Name: aws.String(fmt.Sprintf("/n/%d", n)), Value: aws.String("v"), Type: types.ParameterTypeString, Tier: tier,
		})
		if err != nil {
			return "", err
		}
		return out.Tier, nil
	}
	for _, step := range []struct{ asked, want types.ParameterTier }{
		{types.ParameterTierStandard, "Standard"},
		{types.ParameterTierIntelligentTiering, "Standard"},
		{types.ParameterTierStandard, ""},
		{types.ParameterTierIntelligentTiering, "Advanced"},
		{types.ParameterTierAdvanced, "Advanced"},
		{types.ParameterTierAdvanced, ""},
		{types.ParameterTierIntelligentTiering, ""},
	} {
		tier, err := put(step.asked)
		if _, refused := errors.AsType[*types.ParameterLimitExceeded](err); tier != step.want || refused != (step.want == "") {
			t.Errorf("%s: %s, %v", step.asked, tier, err)
		}
	}
	f.set("/n/1", "again") // which is no more
	if _, err := f.ssm.PutParameter(t.Context(), &awsssm.PutParameterInput{
		Name: aws.String("/n/1"), Value: aws.String("v"), Tier: types.ParameterTierAdvanced, Overwrite: aws.Bool(true),
	}); code(err) != "ParameterLimitExceeded" {
		t.Errorf("one that becomes advanced: %v", err)
	}
	if _, err := f.ssm.DeleteParameter(t.Context(), &awsssm.DeleteParameterInput{Name: aws.String("/n/4")}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ssm.PutParameter(t.Context(), &awsssm.PutParameterInput{
		Name: aws.String("/n/1"), Value: aws.String("v"), Tier: types.ParameterTierAdvanced, Overwrite: aws.Bool(true),
	}); err != nil {
		t.Error(err)
	}
	if tier, err := put(types.ParameterTierStandard); tier != types.ParameterTierStandard {
		t.Errorf("in the room that is left: %v", err)
	}
}

// tries counts requests, and moves a clock on before each but the first.
type tries struct {
	http.RoundTripper
	n     atomic.Int64
	clock interface{ Advance(time.Duration) }
	step  time.Duration
}

// RoundTrip implements http.RoundTripper.
func (r *tries) RoundTrip(req *http.Request) (*http.Response, error) {
	if r.n.Add(1) > 1 {
		r.clock.Advance(r.step)
	}
	return r.RoundTripper.RoundTrip(req)
}

// The SDK's own retries get a call through that came too early, and give up on one that
// comes too early each time.
func TestTheSDKComesAgainWhenItIsThrottled(t *testing.T) {
	t.Parallel()
	rates, err := limits.NewThroughput(limits.LevelAWS)
	if err != nil {
		t.Fatal(err)
	}
	f := newLimited(t, limits.Limits{Throughput: rates})
	for range 3 {
		f.set("/a", "v")
	}
	put := func(step time.Duration) (int64, error) {
		r := &tries{RoundTripper: &http.Transport{DisableKeepAlives: true}, clock: f.Clock, step: step}
		c := f.Config(f.Root)
		c.HTTPClient = &http.Client{Transport: r}
		c.Retryer = func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
			})
		}
		_, err := awsssm.NewFromConfig(c).PutParameter(t.Context(), &awsssm.PutParameterInput{
			Name: aws.String("/a"), Value: aws.String("v"), Type: types.ParameterTypeString, Overwrite: aws.Bool(true),
		})
		return r.n.Load(), err
	}
	if n, err := put(0); n != 3 || code(err) != "ThrottlingException" {
		t.Errorf("after %d tries: %v", n, err)
	}
	if n, err := put(time.Second); n != 2 || err != nil {
		t.Errorf("after %d tries: %v", n, err)
	}
	f.get("/a") // reads have a rate of their own
}
