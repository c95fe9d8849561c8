// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/jobs"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// kindReplicate is the kind of the jobs that bring a replica to its primary's state:
// whatever happened in between, and however often, a job goes by what there is when it
// is done.
const kindReplicate = "sm-replicate"

// replicasAtOnce is how many of these jobs are under way at once, so that they share
// commits.
const replicasAtOnce = 8

// How long a replica that failed is left alone, unless its primary changes: twice as
// long each time.
const (
	firstRetry = time.Minute
	lastRetry  = 24 * time.Hour
)

// replicaTask is the payload of such a job.
type replicaTask struct {
	Account, Name string
	Primary       Origin
	Region        string // of the replica
	Job           string
}

// announce has a change of the secret carried over to a replica. A job that has not
// begun will see the change, too, so that there is never more than one to be done.
func (s *Secret) announce(tx kv.Tx, call *gate.Call, r *Replica) error {
	if as := call.Forward(); as != (gate.Forwarded{}) {
		r.As = as
	}
	if r.Status == sm.StatusTypeInProgress {
		return nil
	}
	r.Status, r.Message = sm.StatusTypeInProgress, ""
	return s.enqueue(tx, r, call.Time)
}

// enqueue makes the job that is to be done for a replica, in place of any other.
func (s *Secret) enqueue(tx kv.Tx, r *Replica, due time.Time) error {
	r.Job = rand.Text()
	payload, err := json.Marshal(replicaTask{Account: s.Account, Name: s.Name, Primary: s.origin(), Region: r.Region, Job: r.Job})
	if err != nil {
		return err
	}
	return jobs.Enqueue(tx, kindReplicate, due, payload)
}

// replicate does a job: on behalf of who changed the primary, whose permissions for the
// two KMS keys count. Whoever has lost the access key by then has lost them.
func (s *Service) replicate(ctx context.Context, payload []byte) error {
	var t replicaTask
	if err := json.Unmarshal(payload, &t); err != nil {
		return fmt.Errorf("job of a replica: %w", err)
	}
	as, wanted, err := s.begin(ctx, t)
	if err != nil || !wanted {
		return err
	}
	err = s.inState(ctx, t, as, s.mirror)
	if api.AccessDeniedException.Is(err) {
		return s.inState(ctx, t, gate.Forwarded{}, func(context.Context, kv.Tx, *gate.Call, mirrored) error { return err })
	}
	return err
}

// begin returns on whose behalf the job is to be done, if there is still a replica to be
// done for. What is not replicated to the region any more is deleted there.
func (s *Service) begin(ctx context.Context, t replicaTask) (as gate.Forwarded, wanted bool, err error) {
	err = s.gate.Act(ctx, t.actor(gate.Forwarded{}), func(_ context.Context, tx kv.Tx, call *gate.Call) error {
		_, r, err := s.pending(tx, t)
		if err != nil {
			return err
		}
		if r != nil {
			as, wanted = r.As, true
			return nil
		}
		as, wanted = gate.Forwarded{}, false
		return s.retire(tx, call, t)
	})
	return as, wanted, err
}

func (t replicaTask) actor(as gate.Forwarded) gate.Actor {
	return gate.Actor{Service: sm.Service, Account: t.Account, Region: t.Primary.Region, As: as}
}

// pending returns a copy of the primary's head, and what it has of the replica: nil if it
// has nothing, or is not there any more.
func (s *Service) pending(r kv.Reader, t replicaTask) (*Secret, *Replica, error) {
	primary, err := s.heads.Get(r, t.Account, t.Primary.Region, keyName(t.Name))
	if err != nil || primary == nil || primary.origin() != t.Primary {
		return nil, nil, err
	}
	primary = primary.clone()
	return primary, primary.replicaIn(t.Region), nil
}

// retire deletes a replica, unless it was promoted or is another's by now.
func (s *Service) retire(tx kv.Tx, call *gate.Call, t replicaTask) error {
	replica, err := s.heads.Get(tx, t.Account, t.Region, keyName(t.Name))
	if err != nil || replica == nil || !replica.replicaOf(t.Primary) {
		return err
	}
	call.In(t.Region).Event(replica.event("EndSecretVersionDelete"))
	if err := replica.tellGone(tx, call); err != nil {
		return err
	}
	return s.erase(tx, call.Time, replica)
}

// mirrored is a primary, and what its head has of the replica that a job is about.
type mirrored struct {
	primary *Secret
	*Replica
}

// inState does what a job is there for, and notes what came of it. An error of do that is
// not the server's fault is one of replication: what do wrote is kept, and it is tried
// again later.
func (s *Service) inState(ctx context.Context, t replicaTask, as gate.Forwarded, do func(context.Context, kv.Tx, *gate.Call, mirrored) error) error {
	return s.gate.Act(ctx, t.actor(as), func(ctx context.Context, tx kv.Tx, call *gate.Call) error {
		primary, r, err := s.pending(tx, t)
		if err != nil || r == nil || r.Job != t.Job {
			return err
		}
		call.Event(primary.replicationEvent("ReplicationStarted", r))
		err = do(ctx, tx, call, mirrored{primary, r})
		switch {
		case err == nil:
			*r = Replica{Region: r.Region, KMSKey: r.KMSKey, As: r.As, Status: sm.StatusTypeInSync, Message: "Replication succeeded"}
			call.Event(primary.replicationEvent("ReplicationSucceeded", r))
		case refused(err):
			if err := primary.failed(tx, call, r, err); err != nil {
				return err
			}
		default:
			return err
		}
		return s.keep(tx, primary)
	})
}

// failed notes that replication failed, and has it tried again.
func (s *Secret) failed(tx kv.Tx, call *gate.Call, r *Replica, fault error) error {
	answer, _ := errors.AsType[*api.Error](fault)
	r.Status, r.Message = sm.StatusTypeFailed, "Replication failed: "+answer.Message
	pause := lastRetry
	if r.Failures < 11 { // below a day
		pause = firstRetry << r.Failures
	}
	r.Failures++
	event := s.replicationEvent("ReplicationFailed", r)
	event.ErrorCode, event.ErrorMessage = answer.Code, answer.Message
	call.Event(event)
	return s.enqueue(tx, r, call.Time.Add(pause))
}

func (s *Secret) replicationEvent(name string, r *Replica) gate.Event {
	e := s.event(name)
	e.Details["ReplicaRegion"] = r.Region
	return e
}
