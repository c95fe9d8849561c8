// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package limits_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/kms"
	"github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/api/sts"
	"github.com/coffer-secrets/coffer/internal/limits"
)

var start = time.Date(2026, time.March, 14, 9, 26, 53, 589e6, time.UTC)

func throughput(tb testing.TB, level string) *limits.Throughput {
	tb.Helper()
	t, err := limits.NewThroughput(level)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// at is a call in an account and region.
func at(t time.Time) limits.Caller {
	return limits.Caller{Account: "123456789012", Region: "eu-north-1", Time: t}
}

// atOnce is how many of n calls at one time are admitted.
func atOnce(t *limits.Throughput, s *api.Service, operation string, c limits.Caller, n int) (admitted int) {
	for range n {
		if t.Admit(s, operation, c) == nil {
			admitted++
		}
	}
	return admitted
}

func TestRatesAreAWSs(t *testing.T) {
	t.Parallel()
	ireland := at(start)
	ireland.Region = "eu-west-1"
	for _, c := range []struct {
		level     string
		service   *api.Service
		operation string
		caller    limits.Caller
		want      int
	}{
		{"aws", ssm.Service, "GetParameter", at(start), 40},
		{"aws", ssm.Service, "PutParameter", at(start), 3},
		{"aws-higher", ssm.Service, "GetParameter", at(start), 10_000},
		{"aws-higher", ssm.Service, "GetParameters", at(start), 1000},
		{"aws-higher", ssm.Service, "GetParametersByPath", at(start), 100},
		{"aws-higher", ssm.Service, "PutParameter", at(start), 10},
		{"aws-higher", secretsmanager.Service, "CreateSecret", at(start), 50},
		{"aws", secretsmanager.Service, "GetSecretValue", at(start), 10_000},
		{"aws", kms.Service, "Decrypt", at(start), 10_000},
		{"aws", kms.Service, "Decrypt", ireland, 100_000},
		{"aws", kms.Service, "CreateKey", ireland, 5},
		{"aws", sts.Service, "GetCallerIdentity", at(start), 600},
		{"aws", ssm.Service, "DescribeParameters", at(start), 200_000}, // of which AWS says nothing
	} {
		if got := atOnce(throughput(t, c.level), c.service, c.operation, c.caller, 200_000); got != c.want {
			t.Errorf("%s: %s:%s: %d calls a second", c.level, c.service.Name, c.operation, got)
		}
	}
	if _, err := limits.NewThroughput("most"); err == nil {
		t.Error("a level that is none was taken")
	}
}

// Operations share a rate or have one each; accounts and regions never share.
func TestWhatIsCountedTogether(t *testing.T) {
	t.Parallel()
	b := throughput(t, limits.LevelAWS)
	if got := atOnce(b, ssm.Service, "GetParameter", at(start), 30) + atOnce(b, ssm.Service, "GetParametersByPath", at(start), 30); got != 40 {
		t.Errorf("%d reads were admitted", got)
	}
	if got := atOnce(b, kms.Service, "CreateKey", at(start), 30) + atOnce(b, kms.Service, "CreateAlias", at(start), 30); got != 10 {
		t.Errorf("%d keys and aliases were admitted", got)
	}
	for _, other := range []limits.Caller{
		{Account: "999999999999", Region: "eu-north-1", Time: start}, {Account: "123456789012", Region: "eu-north-2", Time: start},
	} {
		if got := atOnce(b, ssm.Service, "GetParameter", other, 50); got != 40 {
			t.Errorf("%+v: %d reads were admitted", other, got)
		}
	}
}

func TestRefusalsAreAWSs(t *testing.T) {
	t.Parallel()
	b := throughput(t, limits.LevelAWS)
	for service, want := range map[*api.Service]string{
		secretsmanager.Service: "ThrottlingException: Rate exceeded",
		kms.Service:            "ThrottlingException: You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
		sts.Service:            "Throttling: Rate exceeded",
	} {
		operation := map[*api.Service]string{secretsmanager.Service: "CreateSecret", kms.Service: "CreateKey", sts.Service: "GetCallerIdentity"}[service]
		atOnce(b, service, operation, at(start), 1000)
		if got := b.Admit(service, operation, at(start)); got == nil || got.Error() != want || got.HTTPStatus() != 400 {
			t.Errorf("%s: %v", service.Name, got)
		}
	}
	if (*limits.Throughput)(nil).Admit(kms.Service, "CreateKey", at(start)) != nil {
		t.Error("no throughput refused a call")
	}
}

// Whenever calls come, in no span of time are more admitted than its rate and one
// second's worth; and one that has waited its turn always is.
func TestNeverMoreThanTheRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		operation := rapid.SampledFrom([]string{"PutParameter", "GetParameter"}).Draw(t, "operation")
		rate := map[string]int{"PutParameter": 3, "GetParameter": 40}[operation]
		b, _ := limits.NewThroughput(limits.LevelAWS)
		var admitted []time.Time
		now := start
		for range rapid.IntRange(1, 300).Draw(t, "calls") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(time.Second)/int64(rate)).Draw(t, "pause")))
			if b.Admit(ssm.Service, operation, at(now)) == nil {
				admitted = append(admitted, now)
			}
		}
		for i := range admitted {
			for j := i; j < len(admitted); j++ {
				span := admitted[j].Sub(admitted[i]).Seconds()
				if n := float64(j - i + 1); n > float64(rate)*span+float64(rate)+1e-6 {
					t.Fatalf("%v calls were admitted in %v s at %d a second", n, span, rate)
				}
			}
		}
		now = now.Add(time.Second/time.Duration(rate) + time.Nanosecond)
		if b.Admit(ssm.Service, operation, at(now)) != nil {
			t.Fatal("a call was refused that had waited its turn")
		}
	})
}

func TestAClockThatIsSetBackStopsNobody(t *testing.T) {
	t.Parallel()
	b := throughput(t, limits.LevelAWS)
	atOnce(b, ssm.Service, "PutParameter", at(start), 10)
	back := start.Add(-1000 * time.Hour)
	if got := atOnce(b, ssm.Service, "PutParameter", at(back), 1) + atOnce(b, ssm.Service, "PutParameter", at(back.Add(2*time.Second)), 10); got != 3 {
		t.Errorf("%d calls were admitted", got)
	}
}

// What is remembered is bounded: what is forgotten has called nothing lately, and a
// crowd that calls at once is refused.
func TestAccountsAndRegionsAreBounded(t *testing.T) {
	t.Parallel()
	b := throughput(t, limits.LevelAWS)
	crowd := func(t time.Time) (admitted int) {
		for n := range 12_000 {
			admitted += atOnce(b, ssm.Service, "PutParameter", limits.Caller{Account: fmt.Sprint(n), Region: "eu-north-1", Time: t}, 1)
		}
		return admitted
	}
	if got := crowd(start); got != 10_000 {
		t.Errorf("%d of a crowd were admitted", got)
	}
	if got := crowd(start.Add(time.Minute)); got != 10_000 {
		t.Errorf("a minute later, %d of a crowd were admitted", got)
	}
}

func TestCallsAtOnceAreCountedOnce(t *testing.T) {
	t.Parallel()
	b := throughput(t, limits.LevelAWS)
	var admitted atomic.Int64
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() { admitted.Add(int64(atOnce(b, ssm.Service, "GetParameter", at(start), 50))) })
	}
	if calls.Wait(); admitted.Load() != 40 {
		t.Errorf("%d calls were admitted", admitted.Load())
	}
}
