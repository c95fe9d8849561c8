// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package secretsmanager

import (
	"slices"
	"strings"
	"unicode"

	sm "github.com/coffer-secrets/coffer/internal/api/secretsmanager"
)

// The keys of filters.
const (
	filterDescription   = "description"
	filterName          = "name"
	filterTagKey        = "tag-key"
	filterTagValue      = "tag-value"
	filterPrimaryRegion = "primary-region"
	filterOwningService = "owning-service"
	filterAll           = "all"
)

// filters are the filters of a request: a secret must pass each.
type filters []filter

// filter passes a secret that one of its values matches, and none of those with an
// exclamation mark. With only such values, whatever they don't match passes.
type filter struct {
	key              string
	wanted, unwanted []string
}

func compile(in []sm.Filter) (filters, error) {
	var out filters
	for _, f := range in {
		if f.Key == nil || len(f.Values) == 0 {
			return nil, sm.InvalidParameterException.New("A filter must have a key and at least one value.")
		}
		c := filter{key: *f.Key}
		for _, v := range f.Values {
			if rest, negated := strings.CutPrefix(v, "!"); negated {
				c.unwanted = append(c.unwanted, rest)
			} else {
				c.wanted = append(c.wanted, v)
			}
		}
		out = append(out, c)
	}
	return out, nil
}

func (fs filters) match(s *Secret) bool {
	return !slices.ContainsFunc(fs, func(f filter) bool { return !f.match(s) })
}

func (f *filter) match(s *Secret) bool {
	matches := func(v string) bool { return f.matches(s, v) }
	return !slices.ContainsFunc(f.unwanted, matches) && (len(f.wanted) == 0 || slices.ContainsFunc(f.wanted, matches))
}

// beginnings are the beginnings of the keys of all heads that can pass: sorted, and none
// of them the beginning of another. There is one at least, which is empty if the names
// are not asked for.
func (fs filters) beginnings() []string {
	i := slices.IndexFunc(fs, func(f filter) bool { return f.key == filterName && len(f.wanted) > 0 })
	if i < 0 {
		return []string{""}
	}
	keys := make([]string, 0, len(fs[i].wanted))
	for _, name := range fs[i].wanted {
		keys = append(keys, keyName(name))
	}
	slices.Sort(keys)
	var all []string
	for _, beginning := range keys {
		if n := len(all); n == 0 || !strings.HasPrefix(beginning, all[n-1]) {
			all = append(all, beginning)
		}
	}
	return all
}

// matchName says whether a secret of that name passes the filters by name.
func (fs filters) matchName(name string) bool {
	s := Secret{Name: name}
	return !slices.ContainsFunc(fs, func(f filter) bool { return f.key == filterName && !f.match(&s) })
}

// matches holds one value against the secret, by the rules of "Find secrets in AWS
// Secrets Manager" and the API Reference's Filter.
func (f *filter) matches(s *Secret, v string) bool {
	switch f.key {
	case filterName:
		return strings.HasPrefix(s.Name, v)
	case filterDescription:
		return eachBegins(strings.Fields(s.Description), strings.Fields(v))
	case filterTagKey:
		return slices.ContainsFunc(s.Tags, func(t Tag) bool { return strings.HasPrefix(t.Key, v) })
	case filterTagValue:
		return slices.ContainsFunc(s.Tags, func(t Tag) bool { return strings.HasPrefix(t.Value, v) })
	case filterAll:
		return s.mentions(words(v))
	case filterPrimaryRegion:
		region := s.primaryRegion()
		return region != "" && strings.HasPrefix(region, v)
	case filterOwningService: // none is another service's
	}
	return false
}

// eachBegins says that every one of the wanted words is the beginning of one of the
// words, in any order, whatever the case: "My Description" finds "Description of my
// secret".
func eachBegins(words, wanted []string) bool {
	for _, w := range wanted {
		if !anyBegins(words, w) {
			return false
		}
	}
	return len(words) > 0 || len(wanted) == 0
}

func anyBegins(words []string, beginning string) bool {
	return slices.ContainsFunc(words, func(word string) bool {
		return strings.HasPrefix(strings.ToLower(word), strings.ToLower(beginning))
	})
}

// mentions says that one of the wanted words begins a word of the name, the
// description or the tags.
func (s *Secret) mentions(wanted []string) bool {
	texts := []string{s.Name, s.Description}
	for _, t := range s.Tags {
		texts = append(texts, t.Key, t.Value)
	}
	for _, text := range texts {
		found := words(text)
		if slices.ContainsFunc(wanted, func(w string) bool { return anyBegins(found, w) }) {
			return true
		}
	}
	return false
}

// words takes a text apart as AWS does: where lower case becomes upper case, between
// letters and numbers, and at everything that is neither. "credsDatabase#892" is creds,
// Database and 892.
func words(text string) []string {
	var out []string
	var word []rune
	flush := func() {
		if len(word) > 0 {
			out = append(out, string(word))
			word = word[:0]
		}
	}
	for _, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsNumber(r) {
			flush()
			continue
		}
		if len(word) > 0 {
			last := word[len(word)-1]
			if unicode.IsNumber(last) != unicode.IsNumber(r) || (unicode.IsLower(last) && unicode.IsUpper(r)) {
				flush()
			}
		}
		word = append(word, r)
	}
	flush()
	return out
}
