// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cache_test

import (
	"testing"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
)

func TestOneEntryForASecretWhateverItWasAskedBy(t *testing.T) {
	t.Parallel()
	forms := map[string]cache.Ref{
		"name":                      byID(name),
		"partial ARN":               byID(partial),
		"full ARN":                  byID(full),
		"name and AWSCURRENT":       {ID: name, Stage: "AWSCURRENT"},
		"full ARN and AWSCURRENT":   {ID: full, Stage: "AWSCURRENT"},
		"name, with a useless flag": {ID: name, Decrypt: true},
	}
	for what, ref := range forms {
		t.Run("after the name, by "+what, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.want(byID(name), "value 1", cache.Miss, 1)
			r.want(ref, "value 1", cache.Hit, 0)
			if s := r.Stats(); s.Items != 1 {
				t.Errorf("%d items", s.Items)
			}
		})
		t.Run("after "+what+", by full ARN", func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.want(ref, "value 1", cache.Miss, 1)
			r.want(byID(full), "value 1", cache.Hit, 0)
			if s := r.Stats(); s.Items != 1 {
				t.Errorf("%d items", s.Items)
			}
		})
	}
}

func TestANameMeansTheCallersOwnAccount(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const others = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:prod/db-XyZabc"
	r.src.answer = func(ref cache.Ref) (cache.Value, error) {
		if ref.ID == others {
			return version(others, 7, nil), nil
		}
		return version(full, 1, nil), nil
	}
	r.want(byID(others), "value 7", cache.Miss, 1)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.want(byID(others), "value 7", cache.Hit, 0)
	r.want(byID(full), "value 1", cache.Hit, 0)
}

// What is read in a role is not what the caller can read, and a role's plain names are
// those of its account.
func TestARolesValuesAreItsOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const others = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:prod/db-XyZabc"
	const second = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:other-XyZabc"
	const role = "arn:aws:iam::111111111111:role/reader"
	r.src.answer = func(ref cache.Ref) (cache.Value, error) {
		switch {
		case ref.Role == role:
			return version(others, 7, nil), nil
		case ref.ID == second:
			return version(second, 2, nil), nil
		}
		return version(full, 1, nil), nil
	}
	inRole := func(id string) cache.Ref { return cache.Ref{ID: id, Role: role} }
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.want(inRole(name), "value 7", cache.Miss, 1)
	r.want(inRole(others), "value 7", cache.Hit, 0)
	r.want(byID(name), "value 1", cache.Hit, 0)
	r.want(byID(others), "value 1", cache.Miss, 1)
	r.want(inRole(name), "value 7", cache.Hit, 0)
	r.want(byID(second), "value 2", cache.Miss, 1)
	r.want(byID("other"), "value 2", cache.Hit, 0)
}

func TestTheNameIsLearntFromAnARNOnceItsAccountIsKnown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const second = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:other-XyZabc"
	r.src.answer = func(ref cache.Ref) (cache.Value, error) {
		if ref.ID == second || ref.ID == "other" {
			return version(second, 2, nil), nil
		}
		return version(full, 1, nil), nil
	}
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.want(byID(second), "value 2", cache.Miss, 1)
	r.want(byID("other"), "value 2", cache.Hit, 0)
}

func TestARefusalUnderOneNameDoesNotHideTheOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.src.err = errDenied
	r.wantErr(byID(partial), errDenied, 1)
	r.src.set(func(s *source) { s.err = nil })
	r.want(byID(full), "value 1", cache.Miss, 1)
	r.want(byID(partial), "value 1", cache.Hit, 0)
	if s := r.Stats(); s.Items != 1 {
		t.Errorf("%d items", s.Items)
	}
}

func TestANameThatLooksLikeAnARNsEndTeachesNoPartialARN(t *testing.T) {
	t.Parallel()
	// One secret is called a-bcdefg. Another called a has the suffix bcdefg: its
	// full ARN is the first one's partial ARN.
	const prefix = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:"
	r := newRig(t)
	r.src.answer = func(ref cache.Ref) (cache.Value, error) {
		if ref.ID == prefix+"a-bcdefg" {
			return version(prefix+"a-bcdefg", 1, nil), nil
		}
		return version(prefix+"a-bcdefg-hijklm", 2, nil), nil
	}
	r.want(byID("a-bcdefg"), "value 2", cache.Miss, 1)
	r.want(byID(prefix+"a-bcdefg"), "value 1", cache.Miss, 1)
}

func TestASecretMadeAgainUnderItsNameIsAnotherSecret(t *testing.T) {
	t.Parallel()
	const again = partial + "-ZyXwVu"
	r := newRig(t)
	r.want(byID(name), "value 1", cache.Miss, 1)
	r.src.set(func(s *source) {
		s.answer = func(ref cache.Ref) (cache.Value, error) {
			if ref.ID == full {
				return cache.Value{}, errDenied
			}
			return version(again, 2, nil), nil
		}
	})
	r.clock.advance(cache.DefaultTTL)
	r.want(byID(name), "value 2", cache.Miss, 1)
	r.want(byID(again), "value 2", cache.Hit, 0)
	r.wantErr(byID(full), errDenied, 1)
}

func TestAParametersSelectorIsNotPartOfItsName(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:ssm:eu-west-1:000000000000:parameter/p"
	r := newRig(t)
	r.src.answer = func(ref cache.Ref) (cache.Value, error) {
		sel := "latest"
		if ref.VersionID != "" {
			sel = "version " + ref.VersionID
		} else if ref.Stage != "" {
			sel = "label " + ref.Stage
		}
		return cache.Value{ARN: arn, Name: "/p", Text: secret.FromString(sel)}, nil
	}
	param := func(id, version, label string) cache.Ref {
		return cache.Ref{Kind: cache.Parameter, ID: id, VersionID: version, Stage: label}
	}
	r.want(param("/p", "", ""), "latest", cache.Miss, 1)
	r.want(param(arn, "", ""), "latest", cache.Hit, 0)
	r.want(param("/p:3", "", ""), "version 3", cache.Miss, 1)
	r.want(param("/p", "3", ""), "version 3", cache.Hit, 0)
	r.want(param(arn+":3", "", ""), "version 3", cache.Hit, 0)
	r.want(param(arn, "", "prod"), "label prod", cache.Miss, 1)
	r.want(param("/p:prod", "", ""), "label prod", cache.Hit, 0)
	decrypted := param("/p", "", "")
	decrypted.Decrypt = true
	r.want(decrypted, "latest", cache.Miss, 1)
	if s := r.Stats(); s.Items != 4 {
		t.Errorf("%d items, want 4", s.Items)
	}
}

func TestDecryptionMattersToWhatIsEncrypted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	kind := "String"
	r.src.answer = func(ref cache.Ref) (cache.Value, error) {
		text := "plain"
		if kind == "SecureString" && !ref.Decrypt {
			text = "cipher"
		}
		return cache.Value{
			ARN: "arn:aws:ssm:eu-west-1:000000000000:parameter/p", Name: "/p",
			Text: secret.FromString(text), Parameter: &cache.ParameterInfo{Type: &kind},
		}, nil
	}
	raw := cache.Ref{Kind: cache.Parameter, ID: "/p"}
	decrypted := raw
	decrypted.Decrypt = true
	r.want(decrypted, "plain", cache.Miss, 1)
	r.want(raw, "plain", cache.Hit, 0)

	kind = "SecureString" // deleted, and made again
	r.clock.advance(cache.DefaultTTL)
	r.want(decrypted, "plain", cache.Miss, 1)
	r.want(raw, "cipher", cache.Miss, 1)
	r.want(decrypted, "plain", cache.Hit, 0)
}

func TestAReferenceToASecretIsFoundByItsOwnNameOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ref := cache.Ref{Kind: cache.Parameter, ID: "/aws/reference/secretsmanager/prod/db", Decrypt: true}
	r.want(ref, "value 1", cache.Miss, 1)
	r.want(ref, "value 1", cache.Hit, 0)
	r.want(byID(full), "value 1", cache.Miss, 1)
}
