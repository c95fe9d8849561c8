// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/jobs"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// tableCreated is the index of the heads in the order in which they were made: keys
// without values, by account, region, time and name. It has one for each head, written
// and deleted in the transactions that write and delete the head.
const tableCreated = "sm/created"

// indexedKey is there once the index has all heads: those too that a Coffer without the
// index made.
const indexedKey = "sm/indexed/created"

// createdKey is the key of a secret in the index.
func createdKey(secret *Secret) string {
	return createdPrefix(secret.Account, secret.Region) + secret.place(byCreated)
}

func createdPrefix(account, region string) string {
	return tableCreated + "/" + kv.Prefix(account, region)
}

// place is where a secret is in an order: places as text are in the order of the list.
// No two secrets have the same one. In keys, and so in lists, a slash in a name comes
// after the digits: see keyName.
func (s *Secret) place(order string) string {
	var at time.Time
	switch order {
	case byName:
		return keyName(s.Name)
	case byCreated:
		at = s.Created
	case byAccessed:
		at = s.Accessed
	case byChanged:
		at = s.Changed
	}
	return at.UTC().Format(orderedTime) + "/" + keyName(s.Name)
}

// enlist has a head in the index.
func enlist(tx kv.Tx, secret *Secret) error {
	key := createdKey(secret)
	if there, err := tx.Get(key); err != nil || there != nil {
		return err
	}
	return tx.Put(key, nil)
}

// indexed says that the index has all heads.
func indexed(r kv.Reader) (bool, error) {
	mark, err := r.Get(indexedKey)
	return mark != nil, err
}

// inCreated yields the secrets that the filters by name let pass in the order in which
// they were made, from the query's place on.
func (s *Service) inCreated(r kv.Reader, call *gate.Call, q query) iter.Seq2[*Secret, error] {
	return func(yield func(*Secret, error) bool) {
		root := createdPrefix(call.Account, call.Region)
		for pair, err := range r.Scan(q.from(kv.Range{Prefix: root}, root)) {
			if err != nil {
				yield(nil, err)
				return
			}
			_, name, _ := strings.Cut(pair.Key[len(root):], "/")
			if !q.filters.matchName(nameOfKey(name)) {
				continue
			}
			secret, err := s.listed.Get(r, call.Account, call.Region, name)
			if err == nil && secret == nil {
				err = fmt.Errorf("the index has %s, which is not there", pair.Key)
			}
			if !yield(secret, err) || err != nil {
				return
			}
		}
	}
}

// kindIndex is the kind of the job that Prepare makes.
const kindIndex = "sm-index"

// Prepare readies a store that Secrets Manager is to work on: if an earlier Coffer left
// secrets in it that the index does not have, a job is made to index them. Until it is
// done, lists are made without the index.
func Prepare(ctx context.Context, store kv.Store, now time.Time) error {
	ready := false
	if _, err := store.View(ctx, func(r kv.Reader) (err error) {
		ready, err = indexed(r)
		return err
	}); err != nil || ready {
		return err
	}
	_, err := store.Update(ctx, func(tx kv.Tx) error {
		for _, err := range tx.Scan(kv.Range{Prefix: tableHeads + "/"}) {
			if err != nil {
				return err
			}
			return jobs.Enqueue(tx, kindIndex, now, nil)
		}
		return tx.Put(indexedKey, nil)
	})
	return err
}

// indexStep is how many heads are indexed in one transaction. It writes one key more.
const indexStep = kv.MaxOps - 1

// index does the job, in steps. It may begin anew at any time.
func (s *Service) index(ctx context.Context, _ []byte) error {
	for after, done := "", false; !done; {
		last := ""
		err := s.gate.Act(ctx, gate.Actor{Service: sm.Service}, func(_ context.Context, tx kv.Tx, _ *gate.Call) (err error) {
			last, err = s.indexFrom(tx, after)
			return err
		})
		if err != nil {
			return err
		}
		after, done = last, last == ""
	}
	return nil
}

// indexFrom indexes the heads whose keys come next, and returns the last one's key. After
// the last of all it notes that the index is whole, and returns nothing.
func (s *Service) indexFrom(tx kv.Tx, after string) (last string, err error) {
	scan := kv.Range{Prefix: tableHeads + "/"}
	if after != "" {
		scan.Start = after + "\x00"
	}
	n := 0
	for item, err := range s.listed.Scan(tx, scan) {
		if err != nil {
			return "", err
		}
		if err := enlist(tx, item.Value); err != nil {
			return "", err
		}
		if n++; n == indexStep {
			return s.listed.Key(item.Segments...), nil
		}
	}
	return "", tx.Put(indexedKey, nil)
}
