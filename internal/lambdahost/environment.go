// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package lambdahost

import (
	"context"
	"errors"
	"maps"
	"slices"
)

// environment is one generation of processes, from INIT to their end. The board
// guards every field but host.
type environment struct {
	host *Host
	board

	phase   phase
	failure *Failure // the first, while the environment was not closing
	agents  []*agent // external ones in the order of the configuration, then internal ones

	runtime   process
	asked     bool // the runtime has asked for its next invocation since it was given one
	restoring bool // the runtime has asked for restore/next
	restored  bool // SnapStart: the restore has happened
	queue     []*invocation
	live      map[string]*invocation // handed over or queued, by request id
}

// phase is how far an environment is.
type phase int

const (
	phaseExtensions phase = iota // extensions start and register
	phaseRuntime                 // the runtime starts; internal extensions may register
	phaseReady                   // initialized
	phaseClosing                 // processes end; their exits are no failures
)

// agent is an extension, in the Extensions API's own word.
type agent struct {
	name     string
	id       string
	internal bool    // registered by the runtime process; it has no process of its own
	process  process // nil if internal or not started
	state    agentState
	events   []string
	queue    []event
	ready    bool // has asked for its next event since it was given one
	calls    int  // requests for a next event; only the latest is answered
}

// agentState is the state of an agent towards the API.
type agentState string

const (
	agentStarted    agentState = "Started"
	agentRegistered agentState = "Registered"
	agentReady      agentState = "Ready"
	agentInitError  agentState = "InitError"
	agentExitError  agentState = "ExitError"
)

// takes reports whether the agent registered for events of type t.
func (a *agent) takes(t string) bool { return slices.Contains(a.events, t) }

// give makes e the agent's next event.
func (a *agent) give(e event) {
	a.ready = false
	a.queue = append(a.queue, e)
}

func newEnvironment(h *Host) *environment {
	e := &environment{host: h, live: map[string]*invocation{}}
	for _, x := range h.cfg.Extensions {
		e.agents = append(e.agents, &agent{name: x.Name, id: newUUID(), state: agentStarted})
	}
	return e
}

// init runs the INIT phase. It fails with a *Failure, or with the cause of ctx.
func (e *environment) init(ctx context.Context) error {
	for i, x := range e.host.cfg.Extensions {
		env := e.host.environ(false)
		maps.Copy(env, x.Env)
		p, err := e.host.startProcess(x.Process, x.Name, env)
		if err != nil {
			return &Failure{Type: TypeExtensionLaunch, Message: err.Error()}
		}
		e.update(func() { e.agents[i].process = p })
		e.watch(p, func(s exitStatus) *Failure { return e.agents[i].exitFailure(s) })
	}
	if err := e.settle(ctx, e.allRegistered); err != nil {
		return err
	}

	p, err := e.host.startProcess(e.host.function(), sourceFunction, e.host.environ(true))
	if err != nil {
		return &Failure{Type: TypeInvalidEntrypoint, Message: err.Error()}
	}
	e.update(func() { e.phase, e.runtime = phaseRuntime, p })
	e.watch(p, func(s exitStatus) *Failure {
		return &Failure{Type: TypeRuntimeExit, Message: s.runtimeMessage()}
	})
	if err := e.settle(ctx, func() bool { return e.allReady() && (e.asked || e.restoring) }); err != nil {
		return err
	}
	e.update(func() { e.phase = phaseReady })
	return nil
}

// restore runs what follows a snapshot: it lets the runtime go on and waits until it
// asks for an invocation.
func (e *environment) restore(ctx context.Context) error {
	e.update(func() { e.restored = true })
	return e.settle(ctx, func() bool { return e.asked })
}

// settle waits for done, for a failure, which it returns, or for the end of ctx.
func (e *environment) settle(ctx context.Context, done func() bool) error {
	var failure *Failure
	err := e.await(ctx, func() bool {
		failure = e.failure
		return failure != nil || done()
	})
	if failure != nil {
		return failure
	}
	return err
}

func (e *environment) allRegistered() bool {
	return !slices.ContainsFunc(e.agents, func(a *agent) bool { return a.state == agentStarted })
}

func (e *environment) allReady() bool {
	return !slices.ContainsFunc(e.agents, func(a *agent) bool { return !a.ready })
}

// watch reports the exit of p as the environment's failure, unless it is closing.
func (e *environment) watch(p process, failure func(exitStatus) *Failure) {
	e.host.work.Go(func() {
		<-p.exited()
		e.fail(func() *Failure { return failure(p.exit()) })
	})
}

// fail records a failure if it is the first one. The function is called under the
// board's lock.
func (e *environment) fail(failure func() *Failure) {
	e.update(func() {
		if e.failure != nil || e.phase == phaseClosing {
			return
		}
		e.failure = failure()
		e.host.cfg.Log.Debug("environment failed", "type", e.failure.Type)
	})
}

// failed returns the environment's failure, if it has one.
func (e *environment) failed() *Failure {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failure
}

// exitFailure is what the exit of an extension means outside of SHUTDOWN, where even
// one with status 0 fails the environment.
func (a *agent) exitFailure(s exitStatus) *Failure {
	f := &Failure{Type: TypeExtensionCrash, Message: s.extensionMessage()}
	switch a.state {
	case agentInitError:
		f.Type = TypeExtensionInit
	case agentExitError:
		f.Type = TypeExtensionExit
	}
	return f
}

// processes returns what runs, the runtime last.
func (e *environment) processes() []process {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []process
	for _, a := range e.agents {
		if a.process != nil {
			list = append(list, a.process)
		}
	}
	if e.runtime != nil {
		list = append(list, e.runtime)
	}
	return list
}

// signal tells every process s.
func (e *environment) signal(s processSignal) error {
	var errs []error
	for _, p := range e.processes() {
		errs = append(errs, p.signal(s))
	}
	return errors.Join(errs...)
}
