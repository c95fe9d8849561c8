// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"strings"
	"time"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// addVersion gives the secret a new version with that value and those labels. The
// caller saves the head.
func (s *Service) addVersion(ctx context.Context, tx kv.Tx, call *gate.Call, v version, c content, stages []string) error {
	value, err := s.seal(ctx, tx, call, v, c)
	if err != nil {
		return err
	}
	if v.secret.Versions == nil {
		v.secret.Versions = Versions{}
	}
	versions := v.secret.Versions
	versions.add(v.id, Version{Created: call.Time.UTC(), KMSKeys: value.kmsKeys()}, stages)
	for _, id := range versions.outdated(call.Time) {
		delete(versions, id)
		if err := s.values.Delete(tx, v.secret.Account, v.secret.Region, v.secret.UID, id); err != nil {
			return err
		}
	}
	if err := versions.withinQuotas(); err != nil {
		return err
	}
	return s.store(tx, v, value)
}

// withinQuotas refuses more labels or versions than there may be.
func (v Versions) withinQuotas() error {
	switch {
	case v.stages() > maxStages:
		return sm.LimitExceededException.Newf("You can't have more than %d staging labels attached across all versions of a secret.", maxStages)
	case len(v) > maxVersions:
		return sm.LimitExceededException.Newf("You can't have more than %d versions of a secret. "+
			"Versions without staging labels are removed when they are a day old.", maxVersions)
	}
	return nil
}

// repeated says that a version has the token as its id and the same value, so that
// the request was done before. With another value the token is refused. As AWS does
// it, the values themselves are compared, for which the caller needs to be allowed to
// decrypt: a stored hash would tell a thief of the store which secrets are equal.
func (s *Service) repeated(ctx context.Context, r kv.Reader, call *gate.Call, v version, c content) (bool, error) {
	if _, found := v.secret.Versions[v.id]; !found {
		return false, nil
	}
	value, err := s.load(r, v)
	if err != nil {
		return false, err
	}
	stored, err := s.open(ctx, r, call, v, value)
	if err != nil {
		return false, err
	}
	defer stored.Wipe()
	if stored.binary != c.binary || !stored.Equal(c.Value) {
		return false, sm.ResourceExistsException.Newf(
			"You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", v.id, v.secret.ARN(call))
	}
	return true, nil
}

// defaultPage is how many items a list has, unless the request says less: the most
// that it can ask for.
const defaultPage = 100

// cursorTime is a time as part of a cursor: its order as text is that of time.
const cursorTime = "2006-01-02T15:04:05.000000000Z"

// listVersions lists the versions of a secret, the oldest first, of one that waits for
// its deletion, too.
func (s *Service) listVersions(_ context.Context, r kv.Reader, call *gate.Call, in *sm.ListSecretVersionIdsInput) (*sm.ListSecretVersionIdsOutput, error) {
	secret, err := s.find(r, call, *in.SecretId)
	if err != nil {
		return nil, err
	}
	deprecated := in.IncludeDeprecated != nil && *in.IncludeDeprecated
	scope := []string{secret.UID, map[bool]string{true: "deprecated"}[deprecated]}
	after := ""
	if in.NextToken != nil {
		var ok bool
		if after, ok = call.Cursor(*in.NextToken, scope...); !ok {
			return nil, errPage
		}
	}
	limit := defaultPage
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	out := &sm.ListSecretVersionIdsOutput{ARN: new(secret.ARN(call)), Name: &secret.Name, Versions: []sm.SecretVersionsListEntry{}}
	last := ""
	for _, id := range secret.Versions.byAge() {
		v := secret.Versions[id]
		cursor := v.Created.UTC().Format(cursorTime) + id
		if cursor <= after || (len(v.Stages) == 0 && !deprecated) {
			continue
		}
		if len(out.Versions) == limit {
			out.NextToken = new(call.PageToken(last, scope...))
			break
		}
		out.Versions, last = append(out.Versions, v.entry(id)), cursor
	}
	return out, nil
}

// entry is the version as lists show it.
func (v Version) entry(id string) sm.SecretVersionsListEntry {
	e := sm.SecretVersionsListEntry{
		VersionId: &id, VersionStages: v.Stages, CreatedDate: dated(v.Created), LastAccessedDate: dated(v.Accessed),
	}
	for _, key := range v.KMSKeys {
		if key == "" {
			key = "DefaultEncryptionKey" // AWS's name for aws/secretsmanager here
		}
		e.KmsKeyIds = append(e.KmsKeyIds, key)
	}
	return e
}

// accessed notes the day of an access, some time after the call.
func (s *Service) accessed(call *gate.Call, v version) {
	today := day(call.Time)
	if v.secret.Accessed.Equal(today) && v.secret.Versions[v.id].Accessed.Equal(today) {
		return
	}
	account, region, name, uid := v.secret.Account, v.secret.Region, keyName(v.secret.Name), v.secret.UID
	call.Later(strings.Join([]string{"accessed", uid, v.id}, "/"), func(tx kv.Tx) error {
		secret, err := s.heads.Get(tx, account, region, name)
		if err != nil || secret == nil || secret.UID != uid {
			return err
		}
		secret = secret.clone()
		head, found := secret.Versions[v.id]
		if !found {
			return nil
		}
		head.Accessed, secret.Accessed = later(head.Accessed, today), later(secret.Accessed, today)
		secret.Versions[v.id] = head
		return s.save(tx, secret)
	})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
