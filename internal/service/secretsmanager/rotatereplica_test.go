// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// TestARotationReachesTheReplicas: the version that a rotation has begun, and that has no
// value yet, keeps no replica from being in sync, and the new value comes when it is there.
func TestARotationReachesTheReplicas(t *testing.T) {
	t.Parallel()
	w, r := rotated(t)
	w.replicate("db", types.ReplicaRegionType{Region: new(overThere)})
	there := w.in(overThere)
	w.lambda.set(functionARN, func(context.Context, event) error { return errUnknown })
	w.rotate(daily(1))
	w.Settle()
	w.wantStatus("db", inSync)
	if stages := there.describe("db").VersionIdsToStages; len(stages) != 1 || there.value("db") != canary {
		t.Errorf("with a rotation under way the replica has %v", stages)
	}
	w.lambda.set(functionARN, r.rotate)
	w.Clock.Advance(time.Minute)
	w.Settle()
	w.wantStatus("db", inSync)
	w.wantEqual("db", overThere)
	if got := there.value("db"); got != canary+"!" {
		t.Errorf("after the rotation the replica has %q", got)
	}
	if _, err := there.RotateSecret(w.ctx, daily(2)); !strings.Contains(fault(err), "replica") {
		t.Errorf("a replica was rotated: %s", fault(err))
	}
}
