// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package aws_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/source/aws"
)

// rotating is Secrets Manager with one secret.
type rotating struct {
	mu        sync.Mutex
	next      time.Time
	err       error
	hangs     bool
	described int
}

func (r *rotating) Call(ctx context.Context, _ *api.Service, operation string, _ []byte) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if operation != "DescribeSecret" {
		return []byte(`{"ARN":"arn:x","Name":"db","VersionId":"v1","SecretString":"s"}`), nil
	}
	r.described++
	if r.hangs {
		r.mu.Unlock()
		<-ctx.Done()
		r.mu.Lock()
		return nil, ctx.Err()
	}
	if r.next.IsZero() {
		return []byte(`{"ARN":"arn:x"}`), r.err
	}
	return fmt.Appendf(nil, `{"ARN":"arn:x","NextRotationDate":%d}`, r.next.Unix()), r.err
}

func (r *rotating) set(f func(*rotating)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r)
}

// left fetches the secret and returns how long its value may live, or zero.
func left(t *testing.T, d *aws.Dated, ref cache.Ref) time.Duration {
	t.Helper()
	v, err := d.Fetch(t.Context(), ref)
	synctest.Wait() // for the question
	if err != nil {
		t.Fatal(err)
	}
	if v.NotAfter.IsZero() {
		return 0
	}
	return time.Until(v.NotAfter)
}

func TestTheNextRotationEndsAValue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rotating{next: time.Now().Add(time.Hour)}
		d := aws.NewDated(aws.New(r), nil)
		db := cache.Ref{ID: "db"}
		for i, step := range []struct {
			after     time.Duration
			left      time.Duration
			described int
		}{
			{0, time.Minute, 1}, // asked for beside the first answer
			{0, time.Hour, 1},
			{50 * time.Minute, 10 * time.Minute, 1},
			{10 * time.Minute, 0, 2}, // it is due, and nobody knows of a next one
			{30 * time.Second, -30 * time.Second, 2},
			{30 * time.Second, -time.Minute, 3},
			{10 * time.Minute, 0, 4}, // it must have failed
		} {
			time.Sleep(step.after)
			if got := left(t, d, db); got != step.left || r.described != step.described {
				t.Errorf("step %d: %v left, %d questions; want %v, %d", i, got, r.described, step.left, step.described)
			}
		}
		r.set(func(r *rotating) { r.next = time.Now().Add(24 * time.Hour) })
		time.Sleep(time.Minute)
		left(t, d, db)
		if got := left(t, d, db); got != 24*time.Hour-time.Minute {
			t.Errorf("after the rotation: %v", got)
		}
		time.Sleep(6 * time.Hour)
		before := r.described
		if got := left(t, d, db); got != 18*time.Hour-time.Minute || r.described != before+1 {
			t.Errorf("after six hours: %v left, %d questions", got, r.described-before)
		}
		for _, ref := range []cache.Ref{{ID: "db", VersionID: "v1"}, {ID: "db", Stage: "AWSPREVIOUS"}} {
			if got := left(t, d, ref); got != 0 {
				t.Errorf("%+v: %v", ref, got)
			}
		}
		d.Forget()
	})
}

func TestASecretWithoutRotationLivesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rotating{}
		d := aws.NewDated(aws.New(r), nil)
		for i, want := range []time.Duration{time.Minute, 0, 0} {
			if got := left(t, d, cache.Ref{ID: "db"}); got != want || r.described != 1 {
				t.Errorf("%d: %v left after %d questions", i, got, r.described)
			}
		}
	})
}

func TestAForbiddenDateIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rotating{err: api.AccessDeniedException.New("no")}
		d := aws.NewDated(aws.New(r), nil)
		for i, want := range []time.Duration{time.Minute, 0, 0} {
			if got := left(t, d, cache.Ref{ID: "db"}); got != want || r.described != 1 {
				t.Errorf("%d: %v left after %d questions", i, got, r.described)
			}
			time.Sleep(24 * time.Hour)
		}
	})
}

func TestADateThatCannotBeHadShortensNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rotating{hangs: true}
		d := aws.NewDated(aws.New(r), nil)
		began := time.Now()
		if got := left(t, d, cache.Ref{ID: "db"}); got != time.Minute || time.Since(began) != 0 {
			t.Errorf("%v left after %v", got, time.Since(began))
		}
		time.Sleep(6 * time.Second)
		if got := left(t, d, cache.Ref{ID: "db"}); got != 0 || r.described != 1 {
			t.Errorf("%v left after %d questions", got, r.described)
		}
		time.Sleep(time.Minute)
		left(t, d, cache.Ref{ID: "db"})
		if r.described != 2 {
			t.Errorf("%d questions", r.described)
		}
		d.Forget() // ends the second
	})
}
