// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"slices"
	"strings"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/ssm"
)

// The keys of filters, and what goes with them:
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html
const (
	keyName     = "Name"
	keyType     = "Type"
	keyKeyID    = "KeyId"
	keyPath     = "Path"
	keyLabel    = "Label"
	keyTier     = "Tier"
	keyDataType = "DataType"
	keyTag      = "tag:"
)

// The options of filters.
const (
	optionEquals     = "Equals"
	optionBeginsWith = "BeginsWith"
	optionContains   = "Contains"
	optionRecursive  = "Recursive"
	optionOneLevel   = "OneLevel"
)

// The keys that each operation takes, in the order in which AWS lists them.
var (
	describeKeys = []string{keyPath, keyName, keyType, keyKeyID, keyTier, keyDataType, keyTag}
	byPathKeys   = []string{keyType, keyKeyID, keyLabel}
)

// optionsOf are the options of a key, in the order in which AWS lists them.
func optionsOf(key string) []string {
	switch key {
	case keyName:
		return []string{optionBeginsWith, optionContains, optionEquals}
	case keyPath:
		return []string{optionRecursive, optionOneLevel}
	case keyLabel:
		return []string{optionEquals}
	}
	return []string{optionBeginsWith, optionEquals}
}

// defaultOption is the option of a filter that has none.
func defaultOption(key string) string {
	if key == keyPath {
		return optionOneLevel
	}
	return optionEquals
}

// valuesOf are the only values that a key has, or nil.
func valuesOf(key string) []string {
	switch key {
	case keyType:
		return []string{ssm.ParameterTypeString, ssm.ParameterTypeStringList, ssm.ParameterTypeSecureString}
	case keyTier:
		return []string{ssm.ParameterTierStandard, ssm.ParameterTierAdvanced, ssm.ParameterTierIntelligentTiering}
	}
	return nil
}

// A filter wants parameters that one of its values fits.
type filter struct {
	key, option string
	values      []string
}

// filters want what each of them wants.
type filters []filter

// readFilters checks the filters of a request, whose keys are among those given.
func readFilters(in []ssm.ParameterStringFilter, keys []string) (filters, error) {
	var out filters
	for _, f := range in {
		next := filter{key: *f.Key, option: defaultOption(*f.Key), values: f.Values}
		if f.Option != nil {
			next.option = *f.Option
		}
		if out.find(next.key) != nil {
			return nil, ssm.InvalidFilterKey.Newf("The following filter is duplicated in the request: %s. "+
				"A request can contain only one occurrence of a specific filter.", next.key)
		}
		if err := next.check(keys); err != nil {
			return nil, err
		}
		out = append(out, next)
	}
	return out, nil
}

func (f *filter) check(keys []string) error {
	tag := strings.HasPrefix(f.key, keyTag)
	if !slices.Contains(keys, f.key) && !(tag && slices.Contains(keys, keyTag)) {
		return ssm.InvalidFilterKey.Newf("The following filter key is not valid: %s. Valid filter keys include: [%s].",
			f.key, strings.Join(keys, ", "))
	}
	if len(f.values) == 0 && !tag {
		return ssm.InvalidFilterValue.Newf("The following filter values are missing : null for filter key %s.", f.key)
	}
	if options := optionsOf(f.key); !slices.Contains(options, f.option) {
		return ssm.InvalidFilterOption.Newf("The following filter option is not valid: %s. Valid options include: [%s].",
			f.option, strings.Join(options, ", "))
	}
	for _, value := range f.values {
		if valid := valuesOf(f.key); valid != nil && f.option == optionEquals && !slices.Contains(valid, value) {
			return ssm.InvalidFilterValue.Newf("The following filter value is not valid: %s. Valid values include: [%s].",
				value, strings.Join(valid, ", "))
		}
		if f.key == keyPath {
			if err := checkFilterPath(value); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkFilterPath(path string) error {
	if hasPrefixFold(path, "/aws") || hasPrefixFold(path, "/ssm") {
		return api.ValidationException.New(`Filters for common parameters can't be prefixed with "aws" or "ssm" (case-insensitive).`)
	}
	_, err := checkPath(path)
	return err
}

func (fs filters) find(key string) *filter {
	if i := slices.IndexFunc(fs, func(f filter) bool { return f.key == key }); i >= 0 {
		return &fs[i]
	}
	return nil
}

// scope is the filters as a page token is bound to them.
func (fs filters) scope() []string {
	var out []string
	for _, f := range fs {
		out = append(append(out, "filter", f.key, f.option), f.values...)
	}
	return out
}

func (fs filters) match(p *Parameter) bool {
	return !slices.ContainsFunc(fs, func(f filter) bool { return !f.match(p) })
}

func (f *filter) match(p *Parameter) bool {
	v := &p.Current
	switch f.key {
	case keyName:
		return f.compareName(p.key())
	case keyType:
		return f.compare(v.Type)
	case keyKeyID:
		return v.KeyID != "" && f.compare(v.KeyID)
	case keyTier:
		return f.compare(v.Tier)
	case keyDataType:
		return f.compare(v.DataType)
	case keyPath:
		return slices.ContainsFunc(f.values, func(path string) bool { return under(path, p.key(), f.option) })
	case keyLabel:
		return slices.ContainsFunc(f.values, func(label string) bool { return p.Labels[label] != 0 })
	}
	value, tagged := p.Tags[strings.TrimPrefix(f.key, keyTag)]
	return tagged && (len(f.values) == 0 || f.compare(value))
}

func (f *filter) compare(s string) bool {
	return slices.ContainsFunc(f.values, func(value string) bool {
		switch f.option {
		case optionBeginsWith:
			return strings.HasPrefix(s, value)
		case optionContains:
			return strings.Contains(s, value)
		}
		return s == value
	})
}

// compareName compares names without regard to the leading slash, which a name of
// one level has or not.
func (f *filter) compareName(key string) bool {
	if f.option == optionContains {
		return f.compare("/" + key)
	}
	bare := filter{option: f.option}
	for _, value := range f.values {
		bare.values = append(bare.values, strings.TrimPrefix(value, "/"))
	}
	return bare.compare(key)
}

// under reports whether a parameter is below the path, at once or at any depth.
func under(path, key, option string) bool {
	if path = strings.Trim(path, "/"); path != "" {
		rest, ok := strings.CutPrefix(key, path+"/")
		if !ok {
			return false
		}
		key = rest
	}
	return option == optionRecursive || !strings.Contains(key, "/")
}
