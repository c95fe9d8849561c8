// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
)

// nearlyExpired is within a TTL of 300 s, and after the time when use refreshes.
const nearlyExpired = 290 * time.Second

func TestWhatIsNearItsExpiryIsRefreshedAtINVOKE(t *testing.T) {
	bubble(t, func(l *lab) {
		l.start(nil)
		l.invoke(secretPath, "200 MISS s3cret 1", 1)
		time.Sleep(time.Second)
		l.invoke(secretPath, "200 HIT s3cret 1", 0)
		l.cloud.set(func(c *cloud) { c.version, c.delay = 2, 100*time.Millisecond })
		l.freeze(nearlyExpired)
		res := l.invoke("/ping", "200", 1) // a function that does not even ask for it
		if res.Duration != 100*time.Millisecond {
			l.t.Errorf("the next event was asked for after %v, and the refresh takes 100 ms", res.Duration)
		}
		l.cloud.set(func(c *cloud) { c.fault = "down" })
		l.invoke(secretPath, "200 HIT s3cret 2", 0)
	})
}

func TestTheCacheAnswersWhileARefreshIsUnderWay(t *testing.T) {
	bubble(t, func(l *lab) {
		l.start(nil)
		l.invoke(secretPath, "200 MISS s3cret 1", 1)
		time.Sleep(time.Second)
		l.invoke(secretPath, "200 HIT s3cret 1", 0)
		l.cloud.set(func(c *cloud) { c.version, c.delay = 2, 100*time.Millisecond })
		l.freeze(nearlyExpired)
		l.invoke(secretPath, "200 HIT s3cret 1", 1)
		l.invoke(secretPath, "200 HIT s3cret 2", 0)
	})
}

func TestARefreshThatTakesTooLongIsCutBeforeTheNextEvent(t *testing.T) {
	bubble(t, func(l *lab) {
		l.start(nil)
		l.invoke(secretPath, "200 MISS s3cret 1", 1)
		time.Sleep(time.Second)
		l.invoke(secretPath, "200 HIT s3cret 1", 0)
		l.cloud.set(func(c *cloud) { c.version, c.delay = 2, time.Minute })
		l.freeze(nearlyExpired)
		res := l.invoke(secretPath, "200 HIT s3cret 1", 1)
		if res.Duration != settleIn {
			l.t.Errorf("the next event was asked for after %v, want %v", res.Duration, settleIn)
		}
		synctest.Wait() // until the source has noticed
		if l.cloud.cut != 1 {
			l.t.Errorf("%d fetches were cut: the environment would be frozen in the middle of one", l.cloud.cut)
		}
		res = l.invoke("/ping", "200", 0) // a source that hangs does not cost every invocation that time
		if res.Duration > 0 {
			l.t.Errorf("the next invocation took %v", res.Duration)
		}
		l.cloud.set(func(c *cloud) { c.delay = 0 })
		l.freeze(2 * time.Second)
		l.invoke("/ping", "200", 1)
		l.invoke(secretPath, "200 HIT s3cret 2", 0)
	})
}

func TestAFetchThatTheFunctionWaitsForIsNotCut(t *testing.T) {
	bubble(t, func(l *lab) {
		l.start(nil)
		l.invoke(secretPath, "200 MISS s3cret 1", 1)
		time.Sleep(time.Second)
		l.invoke(secretPath, "200 HIT s3cret 1", 0)
		l.cloud.set(func(c *cloud) { c.delay = 2 * time.Second })
		l.freeze(nearlyExpired)
		res := l.invoke(parameterPath, "200 MISS parameter 1", 2)
		if res.Duration != 2*time.Second || l.cloud.cut != 1 { // that of the secret
			l.t.Errorf("the invocation took %v, and %d fetches were cut", res.Duration, l.cloud.cut)
		}
		l.invoke(parameterPath, "200 HIT parameter 1", anyCalls)
	})
}

func TestASlowSourceIsNotWaitedForWhenAnOldValueWillDo(t *testing.T) {
	bubble(t, func(l *lab) {
		l.start(nil)
		l.invoke(secretPath, "200 MISS s3cret 1", 1)
		l.cloud.set(func(c *cloud) { c.version, c.delay = 2, 4*time.Second })
		l.freeze(time.Hour)
		res := l.invoke(secretPath, "200 STALE s3cret 1", 1)
		if res.Duration > time.Second {
			l.t.Errorf("the invocation took %v", res.Duration)
		}
		// The fetch is in the air when the environment is frozen once more.
		l.cloud.set(func(c *cloud) { c.delay = 0 })
		l.freeze(10 * time.Minute)
		res = l.invoke(secretPath, "200 * s3cret 2", 1)
		if res.Duration > 0 {
			l.t.Errorf("the invocation took %v: a dead fetch was waited for", res.Duration)
		}
	})
}

func TestAPrefetchThatSpannedAFreezeIsNotWaitedFor(t *testing.T) {
	bubble(t, func(l *lab) {
		l.cloud.fault = "hangs"
		l.start(map[string]string{"COFFER_PREFETCH": "db"})
		l.cloud.set(func(c *cloud) { c.fault = "" })
		l.freeze(time.Hour)
		res := l.invoke(secretPath, "200 MISS s3cret 1", anyCalls)
		if res.Duration > settleIn {
			l.t.Errorf("the invocation took %v", res.Duration)
		}
	})
}

func TestASignatureThatSpannedAFreezeIsMadeAgain(t *testing.T) {
	bubble(t, func(l *lab) {
		l.start(nil)
		l.cloud.set(func(c *cloud) {
			c.closed = 0
			c.once = func() { l.clock.Advance(time.Hour) }
		})
		l.invoke(secretPath, "200 MISS s3cret 1", 2)
		if l.cloud.closed == 0 {
			l.t.Error("the connection that the old request was sent by was kept")
		}
	})
}

func TestAServerWhoseClockIsWrong(t *testing.T) {
	bubble(t, func(l *lab) {
		l.cloud.skew = -3 * time.Hour
		l.start(nil)
		l.invoke(secretPath, "200 MISS s3cret 1", 2)
		l.invoke(parameterPath, "200 MISS parameter 1", 1) // what it learnt the first time holds
		l.cloud.set(func(c *cloud) { c.skew, c.version = 0, 2 })
		l.freeze(10 * time.Minute)
		l.invoke(secretPath, "200 * s3cret 2", anyCalls)
	})
}

func TestAClockThatIsSetBack(t *testing.T) {
	for _, fault := range []string{"", "down"} {
		t.Run("source "+fault, func(t *testing.T) {
			bubble(t, func(l *lab) {
				l.start(nil)
				l.invoke(secretPath, "200 MISS s3cret 1", 1)
				l.cloud.set(func(c *cloud) { c.version, c.fault, c.skew = 2, fault, 2*time.Hour })
				l.clock.Advance(-2 * time.Hour)
				if fault == "" { // its age is not known: it may be of any age
					l.invoke(secretPath, "200 * s3cret 2", anyCalls)
					l.invoke(secretPath, "200 HIT s3cret 2", 0)
					return
				}
				l.invoke(secretPath, "200 STALE s3cret 1", anyCalls)
				l.clock.Advance(90 * time.Minute) // and the value is still from the future, but has stood in for an hour
				l.invoke(secretPath, "400 ConnectionError", anyCalls)
			})
		})
	}
}

func TestAFunctionThatTimesOutGetsANewExtension(t *testing.T) {
	bubble(t, func(l *lab) {
		env := map[string]string{"COFFER_PREFETCH": "db", "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL": "debug"}
		l.start(env, func(c *lambdahost.Config) { c.Timeout = 3 * time.Second })
		l.invoke(secretPath, "200 HIT s3cret 1", 0)
		res, err := l.host.Invoke(l.t.Context(), []byte(`"hang"`))
		if err != nil || res.Reset != "timeout" {
			l.t.Fatalf("%+v, %v", res, err)
		}
		if !strings.Contains(strings.Join(l.log(), "\n"), "reason=timeout") {
			l.t.Errorf("the extension was not told:\n%s", strings.Join(l.log(), "\n"))
		}
		l.cloud.set(func(c *cloud) { c.version = 2 })
		l.invoke(secretPath, "200 HIT s3cret 2", 1) // nothing was left of the first one
	})
}

func TestConcurrentInvocationsOfAManagedInstance(t *testing.T) {
	const many = 16
	bubble(t, func(l *lab) {
		l.cloud.delay = time.Second
		l.start(nil, func(c *lambdahost.Config) {
			c.InitializationType, c.MaxConcurrency = lambdahost.ManagedInstances, many
		})
		var wg sync.WaitGroup
		for range many {
			wg.Go(func() { l.invoke(secretPath, "200 MISS s3cret 1", anyCalls) })
		}
		wg.Wait()
		if n := l.cloud.count(); n != 1 {
			l.t.Errorf("%d calls to the source", n)
		}
	})
}
