// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/api/coffer"
	"github.com/coffer-secrets/coffer/internal/awsjson"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/events"
	"github.com/coffer-secrets/coffer/internal/server"
	"github.com/coffer-secrets/coffer/internal/ui"
)

const (
	// eventsPatience bounds a call that may wait; half of it is for the first try.
	eventsPatience = 3 * coffer.MaxWait * time.Second
	// eventsPause is the least time from one call that found nothing to the next.
	eventsPause = time.Second
)

// eventsReader is one run of coffer events.
type eventsReader struct {
	client *client.Client
	out    io.Writer
	errOut io.Writer
	print  func(io.Writer, string) error
	follow bool
}

func eventsCommand() *cobra.Command {
	var since time.Duration
	var region, source string
	asJSON, follow := false, false
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Print what happened, and what happens",
		Long: `Print the events of the account in a region, oldest first: a line each on a terminal,
and the events as JSON, in EventBridge's form, anywhere else. With --follow those that
come are printed too, until an interrupt, and over a restart of the server.

Server and credentials are those of the environment, as AWS's tools take them:
AWS_ENDPOINT_URL or COFFER_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
AWS_REGION. The caller needs the permission coffer:ListEvents.`,
		Example: `  coffer events --since 1h
  coffer events --follow --source aws.ssm
  coffer events --json | jq 'select(.detail.operation == "Delete") | .detail.name'`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.BoolVarP(&follow, "follow", "f", false, "wait for more")
	flags.DurationVar(&since, "since", 0, "only events younger than this, such as 1h")
	flags.StringVar(&source, "source", "", "only events of this source, such as aws.ssm")
	flags.StringVar(&region, "region", "", "region, instead of the environment's")
	flags.BoolVar(&asJSON, "json", false, "print the events as JSON, one a line")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := client.New(client.Config{Region: region, UserAgent: "coffer/" + server.Version})
		if err != nil {
			return err
		}
		r := &eventsReader{client: c, out: cmd.OutOrStdout(), errOut: cmd.ErrOrStderr(), print: printEvent, follow: follow}
		if asJSON || !ui.Terminal(r.out) {
			r.print = printText
		}
		in := &coffer.ListEventsInput{}
		if since > 0 {
			in.StartTime = new(api.NewTime(time.Now().Add(-since)))
		}
		if source != "" {
			in.Source = &source
		}
		return r.run(cmd.Context(), in)
	}
	return cmd
}

// run prints from the request's place on: up to the last event that there is, or those
// that come as well, until ctx ends.
func (r *eventsReader) run(ctx context.Context, in *coffer.ListEventsInput) error {
	reached := false // the server has answered
	for {
		asked := time.Now()
		out, err := r.list(ctx, in)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && r.follow && reached && client.Unavailable(err):
			fmt.Fprintln(r.errOut, "The server can't be reached; trying again.")
			pause(ctx, asked.Add(eventsPause))
			continue
		case err != nil:
			return err
		}
		reached = true
		for _, text := range out.Events {
			if err := r.print(r.out, text); err != nil {
				return err
			}
		}
		in.NextToken, in.StartTime = out.NextToken, nil
		switch more := out.More != nil && *out.More; {
		case more:
		case !r.follow:
			return nil
		case len(out.Events) == 0:
			pause(ctx, asked.Add(eventsPause))
		}
		if r.follow {
			in.WaitTimeSeconds = new(int32(coffer.MaxWait))
		}
	}
}

func (r *eventsReader) list(ctx context.Context, in *coffer.ListEventsInput) (*coffer.ListEventsOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, eventsPatience)
	defer cancel()
	return awsjson.Do(ctx, r.client, coffer.ListEvents, in)
}

// pause waits until that time, or until ctx ends.
func pause(ctx context.Context, until time.Time) {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	<-ctx.Done()
}

func printText(w io.Writer, text string) error {
	_, err := fmt.Fprintln(w, text)
	return err
}

func printEvent(w io.Writer, text string) error {
	var e events.Event
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return fmt.Errorf("an event that can't be read: %w", err)
	}
	return ui.Event(w, &e)
}
