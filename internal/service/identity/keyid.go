// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/coffer-secrets/coffer/internal/kv"
)

// The id of a session's access key holds the account, where AWS's ids have it: the session
// is in no record, and GetAccessKeyInfo is to tell whose it is. Of the ten bytes that the
// characters after the prefix are in base32, it is in 40 of the first 48 bits, after the
// first of these. All others are random.
const (
	accountShift = 7
	accountMask  = 1<<40 - 1
)

// sessionKeyID returns an id for the access key of a session.
func sessionKeyID(account string) (string, error) {
	number, err := strconv.ParseUint(account, 10, 40)
	if err != nil {
		return "", fmt.Errorf("the account %q of a session: %w", account, err)
	}
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails
	head := binary.BigEndian.Uint64(b[:8])
	const place = 16 + accountShift // from the end of these eight bytes
	head = head&^(accountMask<<place) | number<<place
	binary.BigEndian.PutUint64(b[:8], head)
	return prefixTemporary + base32.StdEncoding.EncodeToString(b[:]), nil
}

// accountInKeyID returns the account in the id of a session's access key, or nothing.
func accountInKeyID(id string) string {
	rest, ok := strings.CutPrefix(id, prefixTemporary)
	b, err := base32.StdEncoding.DecodeString(rest)
	if !ok || err != nil || len(b) != 10 {
		return ""
	}
	number := binary.BigEndian.Uint64(b[:8]) >> (16 + accountShift) & accountMask
	if account := fmt.Sprintf("%012d", number); accountPattern.MatchString(account) {
		return account
	}
	return ""
}

// AccountOfKey returns the account that an access key belongs to, or nothing if there is
// no such key. Of a session's, which may have ended, there must be the account.
func (d *Directory) AccountOfKey(r kv.Reader, id string) (string, error) {
	key, err := d.AccessKeys.Get(r, id)
	if err != nil {
		return "", err
	}
	if key != nil {
		return key.Account, nil
	}
	account := accountInKeyID(id)
	if account == "" {
		return "", nil
	}
	for _, err := range d.Principals.All(r, "", account) {
		return account, err
	}
	return "", nil
}
