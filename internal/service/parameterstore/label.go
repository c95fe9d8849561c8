// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package parameterstore

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/coffer-secrets/coffer/internal/api/ssm"
	"github.com/coffer-secrets/coffer/internal/gate"
	"github.com/coffer-secrets/coffer/internal/kv"
)

// maxLabels is how many labels a version may have:
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-labels.html
const maxLabels = 10

// AWS's message has no space after the first sentence.
const msgLabels = "A parameter version can have maximum 10 labels.Move one or more labels to another version and try again."

// isLabel reports whether AWS lets a version have that label. The validator bounds
// its length.
func isLabel(label string) bool {
	for i := range len(label) {
		if !isNameByte(label[i]) {
			return false
		}
	}
	first := label[0]
	return (first < '0' || first > '9') && !hasPrefixFold(label, "aws") && !hasPrefixFold(label, "ssm")
}

// label moves labels to a version from wherever they are. Labels that can't be any
// are told, and the others moved nevertheless.
func (s *service) label(_ context.Context, tx kv.Tx, call *gate.Call, in *ssm.LabelParameterVersionInput) (*ssm.LabelParameterVersionOutput, error) {
	p, err := s.named(tx, call, *in.Name)
	if err != nil {
		return nil, err
	}
	v := &p.Current
	if in.ParameterVersion != nil {
		if v, err = s.labelled(tx, call, p, *in.ParameterVersion); err != nil {
			return nil, err
		}
	}
	out := &ssm.LabelParameterVersionOutput{InvalidLabels: []string{}, ParameterVersion: &v.Number}
	labels := maps.Clone(p.Labels)
	if labels == nil {
		labels = map[string]int64{}
	}
	for _, label := range unique(in.Labels) {
		if isLabel(label) {
			labels[label] = v.Number
		} else {
			out.InvalidLabels = append(out.InvalidLabels, label)
		}
	}
	return out, s.relabel(tx, call, p, labels, v.Number)
}

// unlabel takes labels off a version. Those that are not on it are told.
func (s *service) unlabel(_ context.Context, tx kv.Tx, call *gate.Call, in *ssm.UnlabelParameterVersionInput) (*ssm.UnlabelParameterVersionOutput, error) {
	p, err := s.named(tx, call, *in.Name)
	if err != nil {
		return nil, err
	}
	v, err := s.labelled(tx, call, p, *in.ParameterVersion)
	if err != nil {
		return nil, err
	}
	out := &ssm.UnlabelParameterVersionOutput{RemovedLabels: []string{}, InvalidLabels: []string{}}
	labels := maps.Clone(p.Labels)
	for _, label := range unique(in.Labels) {
		if labels[label] == v.Number {
			delete(labels, label)
			out.RemovedLabels = append(out.RemovedLabels, label)
		} else {
			out.InvalidLabels = append(out.InvalidLabels, label)
		}
	}
	return out, s.relabel(tx, call, p, labels, v.Number)
}

// labelled returns the version whose labels are to change.
func (s *service) labelled(r kv.Reader, call *gate.Call, p *Parameter, number int64) (*Version, error) {
	v, err := s.version(r, call, p, number)
	if err == nil && v == nil {
		err = noVersion(strconv.FormatInt(number, 10), p.Name)
	}
	return v, err
}

// relabel stores the labels of a parameter, of which those on one version changed.
func (s *service) relabel(tx kv.Tx, call *gate.Call, p *Parameter, labels map[string]int64, changed int64) error {
	if maps.Equal(labels, p.Labels) {
		return nil
	}
	next := *p // which is shared
	next.Labels = labels
	if len(next.labelsOf(changed)) > maxLabels {
		return ssm.ParameterVersionLabelLimitExceeded.New(msgLabels)
	}
	if err := next.tellMoves(tx, call, p.Labels); err != nil {
		return err
	}
	return s.heads.Put(tx, &next, segments(call, p.key())...)
}

// labelsOf returns the labels of a version, in order.
func (p *Parameter) labelsOf(number int64) []string {
	labels := []string{}
	for label, on := range p.Labels {
		if on == number {
			labels = append(labels, label)
		}
	}
	slices.Sort(labels)
	return labels
}
