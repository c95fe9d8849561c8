// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
)

const (
	// maxWait bounds how long a request waits for a change.
	maxWait = time.Minute
	// maxPolls bounds the requests that wait for one.
	maxPolls = 64
)

var errWait = errors.New("invalid wait value")

// question is what a request for changes asks.
type question struct {
	since string
	wait  time.Duration
	items []request // of what; none is all
}

func parseChanges(query string) (question, error) {
	var q question
	var err error
	q.items, err = parseItems(query, func(key, value string) error {
		switch key {
		case "since":
			set(&q.since, value)
		case "wait":
			d, err := time.ParseDuration(value)
			if err != nil || d < 0 {
				return errWait
			}
			q.wait = min(d, maxWait)
		}
		return nil
	})
	return q, err
}

// poll tells what changed since a cursor: at once if something has, else when something
// does, or the time to wait or the agent ends. There are no values in it.
//
// To name something is to use it: it is fetched and kept fresh as if it were read.
func (a *Agent) poll(c call) int {
	if a.changes == nil {
		return a.nothing(c)
	}
	q, err := parseChanges(c.r.URL.RawQuery)
	if err != nil {
		return c.invalid(err)
	}
	select {
	case a.polls <- struct{}{}:
		defer func() { <-a.polls }()
	default:
		return a.fail(c, changesPath, &OverBudget{Wait: time.Second})
	}
	ctx, cancel := context.WithCancel(c.r.Context())
	defer cancel()
	defer context.AfterFunc(a.draining, cancel)()
	store := a.callers.store(c.who)
	for _, r := range gather(q.items, func(item request) (cache.Answer, error) { return store.Get(ctx, item.ref) }) {
		r.answer.Wipe()
	}
	timer := time.NewTimer(q.wait)
	defer timer.Stop()
	for over := q.wait == 0 || q.since == ""; ; {
		news, err := a.changes(q.since)
		if err != nil {
			return a.fail(c, changesPath, err)
		}
		told := q.about(news.Changes)
		if over || news.Reset || len(told) > 0 {
			return writeNews(c.w, news, told)
		}
		q.since = news.Cursor
		select {
		case <-news.More:
		case <-timer.C:
			over = true
		case <-ctx.Done():
			over = true
		}
	}
}

// told is a change, under the id that it is to be told by.
type told struct {
	id string
	*cache.Change
}

// about returns the changes of what was asked about, each by the id that it was asked by.
func (q question) about(changes []cache.Change) []told {
	var list []told
	for i := range changes {
		ch := &changes[i]
		if len(q.items) == 0 {
			list = append(list, told{ch.IDs[0], ch})
		}
		for _, item := range q.items {
			if item.ref.Kind == ch.Kind && slices.Contains(ch.IDs, item.ref.ID) {
				list = append(list, told{item.ref.ID, ch})
			}
		}
	}
	return list
}

func writeNews(w http.ResponseWriter, news cache.News, changes []told) int {
	b := api.AppendString([]byte(`{"cursor":`), news.Cursor)
	if news.Reset {
		b = append(b, `,"reset":true`...)
	}
	b = append(b, `,"changes":[`...)
	for i, ch := range changes {
		if i > 0 {
			b = append(b, ',')
		}
		b = api.AppendString(append(b, `{"id":`...), ch.id)
		b = api.AppendString(append(b, `,"versionId":`...), ch.VersionID)
		if ch.ARN != "" {
			b = api.AppendString(append(b, `,"arn":`...), ch.ARN)
		}
		b = append(b, '}')
	}
	return reply{http.StatusOK, jsonText, append(b, `]}`...)}.write(w)
}
