// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// The staging labels that Secrets Manager moves by itself.
const (
	stageCurrent  = "AWSCURRENT"
	stagePrevious = "AWSPREVIOUS"
	stagePending  = "AWSPENDING"
)

const (
	// maxStages is how many labels a secret has on all its versions (Secrets Manager
	// User Guide, "Secrets Manager quotas").
	maxStages = 20
	// keptVersions is how many versions stay when those without a label are removed,
	// and keptFor how long each does (Secrets Manager User Guide, "Secrets Manager
	// quotas").
	keptVersions = 100
	keptFor      = 24 * time.Hour
	// maxVersions bounds what a caller can make within keptFor. AWS has such a quota,
	// and does not say how large it is.
	maxVersions = 1000
	// maxRemoved is how many old versions go at once, so that the transaction has room
	// for them: see kv.MaxOps.
	maxRemoved = 50
)

// Versions are the versions of a secret by id. Its methods are the rules by which
// staging labels move:
//
//   - a label is on one version at most;
//   - AWSCURRENT moves, and never goes away;
//   - AWSPREVIOUS goes to the version that AWSCURRENT leaves;
//   - AWSPENDING leaves a version together with AWSCURRENT: left behind, it would
//     say that a rotation is under way.
//
// A version without labels is deprecated: it can be read by its id until it is removed.
type Versions map[string]Version

// Version is what the head knows of a version.
type Version struct {
	// Stages are the labels, sorted.
	Stages  []string `json:",omitzero"`
	Created time.Time
	// Accessed is the day of the last access.
	Accessed time.Time `json:",omitzero"`
	// KMSKeys are the keys under which the value can be read, as they were named, the
	// newest first; "" means aws/secretsmanager.
	KMSKeys []string
}

// holder returns the version that has the label.
func (v Versions) holder(stage string) (id string, ok bool) {
	for id, version := range v {
		if _, found := slices.BinarySearch(version.Stages, stage); found {
			return id, true
		}
	}
	return "", false
}

// add puts a new version in, with labels that are taken from where they are. The first
// version of a secret is the current one, whatever its labels.
func (v Versions) add(id string, version Version, stages []string) {
	if len(v) == 0 {
		stages = append(slices.Clone(stages), stageCurrent)
	}
	version.Stages = nil
	v[id] = version
	for _, stage := range stages {
		if stage != stageCurrent {
			v.move(stage, id)
		}
	}
	// Last, so that the labels that move along with it are where they belong.
	if slices.Contains(stages, stageCurrent) {
		v.move(stageCurrent, id)
	}
}

// move puts a label on a version, and takes it from where it is.
func (v Versions) move(stage, to string) {
	from, held := v.holder(stage)
	if held && from == to {
		return
	}
	if held {
		v.take(stage, from)
	}
	v.give(stage, to)
	if held && stage == stageCurrent {
		v.take(stagePending, from)
		v.move(stagePrevious, from)
	}
}

// take removes a label from a version, if it is there.
func (v Versions) take(stage, from string) {
	version := v[from]
	if i, found := slices.BinarySearch(version.Stages, stage); found {
		version.Stages = slices.Delete(slices.Clone(version.Stages), i, i+1)
		v[from] = version
	}
}

func (v Versions) give(stage, to string) {
	version := v[to]
	if i, found := slices.BinarySearch(version.Stages, stage); !found {
		version.Stages = slices.Insert(slices.Clone(version.Stages), i, stage)
		v[to] = version
	}
}

// stages is the number of labels on all versions.
func (v Versions) stages() (n int) {
	for _, version := range v {
		n += len(version.Stages)
	}
	return n
}

// outdated returns the versions that are to be removed now, the oldest first.
func (v Versions) outdated(now time.Time) []string {
	excess := min(len(v)-keptVersions, maxRemoved)
	if excess <= 0 {
		return nil
	}
	var old []string
	for _, id := range v.byAge() {
		if version := v[id]; len(version.Stages) == 0 && now.Sub(version.Created) >= keptFor && len(old) < excess {
			old = append(old, id)
		}
	}
	return old
}

// byAge returns the ids, the oldest first.
func (v Versions) byAge() []string {
	return slices.SortedFunc(maps.Keys(v), func(a, b string) int {
		return cmp.Or(v[a].Created.Compare(v[b].Created), cmp.Compare(a, b))
	})
}

// labelled returns the labels of each version that has some.
func (v Versions) labelled() map[string][]string {
	if v.stages() == 0 {
		return nil
	}
	out := map[string][]string{}
	for id, version := range v {
		if len(version.Stages) > 0 {
			out[id] = version.Stages
		}
	}
	return out
}
