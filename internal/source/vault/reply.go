// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// longest bounds the durations that are taken from answers: ten years, in seconds.
const longest = 10 * 366 * 24 * 60 * 60

// versionBytes is the length of the version ids that are made of hashes, in bytes.
const versionBytes = 16

// reply is what a request of ours gets for an answer.
type reply struct {
	LeaseID       string          `json:"lease_id"`
	LeaseDuration int64           `json:"lease_duration"`
	Renewable     bool            `json:"renewable"`
	Data          json.RawMessage `json:"data"`
	Warnings      []string        `json:"warnings"`
	Auth          *struct {
		Token         secret.Text `json:"client_token"`
		LeaseDuration int64       `json:"lease_duration"`
		Renewable     bool        `json:"renewable"`
	} `json:"auth"`
}

// errUnreadable is of an answer that is not Vault's, as a proxy's page: it says nothing of
// the secret, so that a value that is known goes on being the answer.
var errUnreadable = &client.TransportError{Err: errors.New("the answer can't be read")}

// decode reads the answer, which is overwritten.
func decode(body []byte) (*reply, error) {
	defer clear(body)
	r := new(reply)
	if len(body) == 0 { // 204
		return r, nil
	}
	if err := json.Unmarshal(body, r); err != nil {
		clear(r.Data)
		return nil, errUnreadable
	}
	return r, nil
}

// hasData reports whether there is an object in the answer.
func (r *reply) hasData() bool { return len(r.Data) > 0 && r.Data[0] == '{' }

// take returns the data, which is the caller's then.
func (r *reply) take() secret.Value {
	v := secret.New(r.Data)
	r.Data = nil
	return v
}

// plain is a value that has no versions. What tells when it will change is asked again by
// then: a KV secret of version 1 with a ttl, and a database's static role. It gets an id
// that is another one when the value is, and tells nothing of it to who has not the key.
func (r *reply) plain(now time.Time, key []byte) *cache.Value {
	var known struct {
		Rotated string `json:"last_vault_rotation"`
		TTL     int64  `json:"ttl"`
	}
	life := r.LeaseDuration
	if json.Unmarshal(r.Data, &known) == nil && known.Rotated != "" && known.TTL > 0 {
		life = known.TTL
	}
	h := hmac.New(sha256.New, key)
	_, _ = h.Write(r.Data)
	v := &cache.Value{VersionID: hex.EncodeToString(h.Sum(nil)[:versionBytes]), Text: r.take()}
	if life > 0 {
		v.NotAfter = now.Add(seconds(life))
	}
	return v
}

// inner is the data of a KV engine of version 2.
type inner struct {
	Data     json.RawMessage `json:"data"`
	Metadata *struct {
		Created   time.Time `json:"created_time"`
		Deleted   string    `json:"deletion_time"`
		Destroyed bool      `json:"destroyed"`
		Version   int64     `json:"version"`
	} `json:"metadata"`
}

// versioned is a value of a KV engine of version 2.
func (r *reply) versioned(now time.Time) (*cache.Value, error) {
	var in inner
	defer clear(r.Data)
	if err := json.Unmarshal(r.Data, &in); err != nil || in.Metadata == nil || in.Metadata.Version <= 0 {
		clear(in.Data)
		return nil, errUnreadable
	}
	if len(in.Data) == 0 || in.Data[0] != '{' {
		return nil, notFound.New("this version is deleted")
	}
	v := &cache.Value{
		Text: secret.New(in.Data), VersionID: strconv.FormatInt(in.Metadata.Version, 10), Created: in.Metadata.Created,
	}
	if at, err := time.Parse(time.RFC3339Nano, in.Metadata.Deleted); err == nil && at.After(now) {
		v.NotAfter = at
	}
	return v, nil
}

// looksVersioned reports whether data is that of a KV engine of version 2, where nobody
// tells.
func looksVersioned(r *reply) bool {
	var in struct {
		Data     json.RawMessage            `json:"data"`
		Metadata map[string]json.RawMessage `json:"metadata"`
	}
	defer func() { clear(in.Data) }()
	if json.Unmarshal(r.Data, &in) != nil || in.Data == nil {
		return false
	}
	_, version := in.Metadata["version"]
	_, created := in.Metadata["created_time"]
	_, destroyed := in.Metadata["destroyed"]
	return version && created && destroyed
}

// wantsData reports whether an answer says that the path is one of a KV engine of version
// 2, and lacks data/.
func wantsData(body []byte) bool {
	var r reply
	return json.Unmarshal(body, &r) == nil && len(r.Warnings) > 0 && strings.Contains(r.Warnings[0], "versioned K/V")
}

// seconds is a duration that Vault tells in seconds.
func seconds(n int64) time.Duration { return time.Duration(min(max(n, 0), longest)) * time.Second }
