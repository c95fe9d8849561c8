// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/arn"
)

// suffixLen is the length of what Secrets Manager appends to a name in an ARN: a
// hyphen and six characters.
const suffixLen = 7

// scope returns the first five parts of an ARN with their colons,
// "arn:aws:ssm:eu-west-1:123456789012:", or nothing if the ARN has no account.
func scope(name string) string {
	end := 0
	for range 5 {
		i := strings.IndexByte(name[end:], ':')
		if i < 0 {
			return ""
		}
		end += i + 1
	}
	if strings.HasSuffix(name[:end], "::") {
		return ""
	}
	return name[:end]
}

// aliases returns the ids that, as the answer v to ref shows, mean the same thing.
//
// The ARN always does. The name does only in the account and region that plain names
// belong to, which home says. An ARN without its suffix does, unless the name itself
// ends like an ARN: then Secrets Manager could mean another secret by it.
func aliases(ref Ref, v *Value, home string) []string {
	if v.ARN == "" || strings.HasPrefix(ref.ID, references) {
		return nil
	}
	ids := []string{v.ARN}
	if v.Name == "" || arn.IsARN(v.Name) {
		return ids
	}
	if home != "" && home == scope(v.ARN) && !strings.HasPrefix(v.Name, "/aws/") {
		ids = append(ids, v.Name)
	}
	if ref.Kind == Secret && !looksSuffixed(v.Name) {
		partial, ok := cutSuffix(v.ARN)
		if ok && strings.HasSuffix(partial, ":"+v.Name) {
			ids = append(ids, partial)
		}
	}
	return ids
}

func looksSuffixed(name string) bool {
	_, ok := cutSuffix(name)
	return ok
}

// cutSuffix returns s without a hyphen and six letters or digits at its end.
func cutSuffix(s string) (string, bool) {
	at := len(s) - suffixLen
	if at < 1 || s[at] != '-' {
		return s, false
	}
	for _, c := range []byte(s[at+1:]) {
		if ('0' > c || c > '9') && ('a' > c || c > 'z') && ('A' > c || c > 'Z') {
			return s, false
		}
	}
	return s[:at], true
}

// means reports whether v can be an answer to ref. A full ARN names one secret for
// ever; a name may have come to mean a new one while somebody waited.
func (r Ref) means(v *Value) bool {
	return !arn.IsARN(r.ID) || v.ARN == "" || strings.HasPrefix(v.ARN, r.ID)
}

// learn makes the answer v to ref, which e asked, findable by all its ids, and returns
// the entry that it belongs to: e, or the one that had the thing under another id.
func (c *Cache) learn(e *entry, ref Ref, v *Value) *entry {
	if !arn.IsARN(ref.ID) && !strings.HasPrefix(ref.ID, "/aws/") && ref.Role == "" {
		if s := scope(v.ARN); s != "" {
			c.home[ref.Kind] = s
		}
	}
	if e.value != nil && e.value.ARN != v.ARN {
		// The name has come to mean a new thing. The old ARN must not find it.
		c.unlink(e)
		c.link(e, ref)
		e.value.Wipe()
		e.value = nil
	}
	ids := aliases(ref, v, c.home[ref.Kind])
	if len(ids) > 0 {
		if other := c.index[ref.at(ids[0])]; other != nil && other != e {
			c.merge(other, e)
			e = other
		}
	}
	for _, id := range append(ids, ref.ID) {
		c.find(e, ref.at(id))
	}
	if v.Parameter != nil {
		c.learnDecryption(e, ref, v)
	}
	return e
}

// find lets ref find e, unless it finds a value already, or one that is being fetched. A
// mere refusal gives way: else what is refused under one name could live on under another.
func (c *Cache) find(e *entry, ref Ref) {
	other := c.index[ref]
	if other == e || other != nil && (other.value != nil || other.flight != nil) {
		return
	}
	if other != nil {
		c.forget(other, ref)
	}
	c.link(e, ref)
}

// forget lets ref no longer find e, which is dropped if nothing else finds it.
func (c *Cache) forget(e *entry, ref Ref) {
	delete(c.index, ref)
	e.refs = slices.DeleteFunc(e.refs, func(r Ref) bool { return r == ref })
	if len(e.refs) == 0 {
		c.drop(e)
	}
}

// learnDecryption makes a parameter that is not encrypted findable whether its
// decryption is asked for or not, and one that is only as it was asked for.
func (c *Cache) learnDecryption(e *entry, ref Ref, v *Value) {
	plain := v.Parameter.Type != nil && *v.Parameter.Type != "SecureString"
	for _, r := range slices.Clone(e.refs) {
		other := r
		other.Decrypt = !r.Decrypt
		switch {
		case plain:
			c.find(e, other)
		case r.Decrypt != ref.Decrypt:
			c.forget(e, r)
		}
	}
}

// merge lets all that found e find other, and forgets e.
func (c *Cache) merge(other, e *entry) {
	refs := e.refs
	if e.used.Load() > other.used.Load() {
		other.used.Store(e.used.Load())
	}
	c.drop(e)
	for _, r := range refs {
		c.link(other, r)
	}
}

func (c *Cache) link(e *entry, ref Ref) {
	c.index[ref] = e
	e.refs = append(e.refs, ref)
}

func (c *Cache) unlink(e *entry) {
	for _, r := range e.refs {
		delete(c.index, r)
	}
	e.refs = nil
}
