// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
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
	// maxVersions bounds what a caller can fill the store with within keptFor. AWS has
	// such a quota, for who stores a value more than once every ten minutes (API
	// Reference, PutSecretValue), but does not say how large it is. This one is above
	// one value a second for a day.
	maxVersions = 100_000
	// maxRemoved is how many old versions go at once, so that the transaction has room
	// for the two keys of each: see kv.MaxOps.
	maxRemoved = 10
)

// Versions are the versions of a secret that have labels, by id. Its methods are the
// rules by which staging labels move:
//
//   - a label is on one version at most;
//   - AWSCURRENT moves, and never goes away;
//   - AWSPREVIOUS goes to the version that AWSCURRENT leaves;
//   - AWSPENDING leaves a version together with AWSCURRENT: left behind, it would
//     say that a rotation is under way.
//
// A rotation begins with a version that has AWSPENDING and no value, as AWS's rotation
// functions expect it. It takes no other label before the function has given it a value.
//
// A version that they leave without a label is deprecated: it can be read by its id
// until it is removed. It stays in the map until settle moves it to the index. One that
// has no value is not kept.
type Versions map[string]Version

// Version is what is known of a version but its value.
type Version struct {
	// Stages are the labels, sorted. In the index there are none.
	Stages  []string `json:",omitzero"`
	Created time.Time
	// Accessed is the day of the last access.
	Accessed time.Time `json:",omitzero"`
	// KMSKeys are the keys under which the value can be read, as they were named, the
	// newest first; "" means aws/secretsmanager.
	KMSKeys []string `json:",omitzero"`
	// Empty says that the version has no value yet.
	Empty bool `json:",omitzero"`
	// Shows is the version whose value an empty one shows as its own, while a rotation
	// function is tested with it.
	Shows string `json:",omitzero"`

	// indexed says that the version came from the index, and has its entry there.
	indexed bool
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

// add puts a new version in, or one in place of the empty version of that id, with labels
// that are taken from where they are. The first with a value is the current one, whatever
// its labels.
func (v Versions) add(id string, version Version, stages []string) {
	if _, held := v.holder(stageCurrent); !held {
		stages = append(slices.Clone(stages), stageCurrent)
	}
	version.Stages = v[id].Stages
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

// labelled returns the labels of each version.
func (v Versions) labelled() map[string][]string {
	if len(v) == 0 {
		return nil
	}
	out := make(map[string][]string, len(v))
	for id, version := range v {
		out[id] = version.Stages
	}
	return out
}
