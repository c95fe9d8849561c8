// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coffer-secrets/coffer/internal/agent"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/secret"
)

// bubble runs a test in fake time.
func bubble(t *testing.T, f func(*lab)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { f(newLab(t)) })
}

func TestSecretsAreServedInINIT(t *testing.T) {
	bubble(t, func(l *lab) {
		l.inInit = secretPath
		l.start(nil)
		if l.atInit != "200 MISS s3cret 1" {
			l.t.Errorf("in INIT the function was told %q", l.atInit)
		}
		l.invoke(secretPath, "200 HIT s3cret 1", 0)
		l.invoke(parameterPath, "200 MISS parameter 1", 1)
	})
}

func TestWhatIsPrefetchedIsAHit(t *testing.T) {
	bubble(t, func(l *lab) {
		l.start(map[string]string{"COFFER_PREFETCH": "db,/p"})
		l.invoke(secretPath, "200 HIT s3cret 1", 0)
		l.invoke(parameterPath+"&withDecryption=true", "200 HIT parameter 1", 0)
		l.invoke(parameterPath, "200 HIT parameter 1", 0)
	})
}

func TestANewValueIsSeenWithinTheTTL(t *testing.T) {
	bubble(t, func(l *lab) {
		l.start(map[string]string{"SECRETS_MANAGER_TTL": "60"})
		l.invoke(secretPath, "200 MISS s3cret 1", 1)
		l.cloud.set(func(c *cloud) { c.version = 2 })
		l.freeze(30 * time.Second)
		l.invoke(secretPath, "200 HIT s3cret 1", 0)
		l.freeze(31 * time.Second)
		l.invoke(secretPath, "200 * s3cret 2", 1) // fetched at INVOKE, or when the function asks
	})
}

func TestAnHourInTheFreezer(t *testing.T) {
	bubble(t, func(l *lab) {
		l.start(nil)
		l.invoke(secretPath, "200 MISS s3cret 1", 1)
		l.invoke(secretPath, "200 HIT s3cret 1", 0)
		l.cloud.set(func(c *cloud) { c.version, c.closed = 2, 0 })
		l.freeze(time.Hour)
		l.invoke(secretPath, "200 * s3cret 2", 1)
		if l.cloud.closed == 0 {
			l.t.Error("connections from before the freeze were kept")
		}
	})
}

func TestASourceThatIsDownInINIT(t *testing.T) {
	for fault, code := range map[string]string{"down": "ConnectionError", "ThrottlingException": "ThrottlingException", "InternalServiceError": "InternalServiceError"} {
		t.Run(fault, func(t *testing.T) {
			bubble(t, func(l *lab) {
				l.cloud.fault = fault
				l.start(map[string]string{"COFFER_PREFETCH": "db"})
				l.invoke(secretPath, "400 "+code, anyCalls)
				l.cloud.set(func(c *cloud) { c.fault = "" })
				l.freeze(10 * time.Second)
				l.invoke(secretPath, "200 MISS s3cret 1", 1)
			})
		})
	}
}

func TestASourceThatHangsInINITHoldsUpNothing(t *testing.T) {
	bubble(t, func(l *lab) {
		l.cloud.fault = "hangs"
		began := time.Now()
		l.start(map[string]string{"COFFER_PREFETCH": "db"})
		if took := time.Since(began); took > settleIn {
			l.t.Errorf("INIT took %v", took)
		}
	})
}

func TestASourceThatIsDownLater(t *testing.T) {
	for _, fault := range []string{"down", "ThrottlingException"} {
		t.Run(fault, func(t *testing.T) {
			bubble(t, func(l *lab) {
				l.start(nil)
				l.invoke(secretPath, "200 MISS s3cret 1", 1)
				l.invoke(secretPath, "200 HIT s3cret 1", 0)
				l.cloud.set(func(c *cloud) { c.fault = fault })
				l.freeze(10 * time.Minute)
				l.invoke(secretPath, "200 STALE s3cret 1", anyCalls) // the third try of a throttled call may come too late
				l.invoke(secretPath, "200 STALE s3cret 1", anyCalls)
				l.freeze(2 * time.Hour)
				want := map[string]string{"down": "400 ConnectionError", "ThrottlingException": "400 ThrottlingException"}
				l.invoke(secretPath, want[fault], anyCalls)
			})
		})
	}
}

func TestARoleThatLosesAccessLosesTheValue(t *testing.T) {
	bubble(t, func(l *lab) {
		l.start(nil)
		l.invoke(secretPath, "200 MISS s3cret 1", 1)
		l.cloud.set(func(c *cloud) { c.fault = "AccessDeniedException" })
		l.freeze(10 * time.Minute)
		l.invoke(secretPath, "400 AccessDeniedException", 1)
	})
}

func TestManagedInstancesRefreshByTimer(t *testing.T) {
	for _, hide := range []string{"", "AWS_LAMBDA_INITIALIZATION_TYPE"} {
		t.Run("hidden: "+hide, func(t *testing.T) {
			bubble(t, func(l *lab) {
				l.hide = hide // Lambda then refuses INVOKE with 403
				l.start(nil, func(c *lambdahost.Config) { c.InitializationType = lambdahost.ManagedInstances })
				l.invoke(secretPath, "200 MISS s3cret 1", 1)
				time.Sleep(time.Second)
				l.invoke(secretPath, "200 HIT s3cret 1", 0)
				l.cloud.set(func(c *cloud) { c.version = 2 })
				time.Sleep(6 * time.Minute)
				l.invoke(secretPath, "200 HIT s3cret 2", 0)
			})
		})
	}
}

func TestACrashedFunctionGetsANewExtension(t *testing.T) {
	bubble(t, func(l *lab) {
		l.start(map[string]string{"COFFER_PREFETCH": "db"})
		l.invoke(secretPath, "200 HIT s3cret 1", 0)
		if res, err := l.host.Invoke(l.t.Context(), []byte(`"crash"`)); err != nil || res.FunctionError == "" {
			l.t.Fatalf("%+v, %v", res, err)
		}
		l.invoke(secretPath, "200 HIT s3cret 1", 1) // prefetched again
	})
}

func TestSnapStartHoldsNothingAcrossTheSnapshot(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.inInit = secretPath
	l.start(map[string]string{"COFFER_PREFETCH": "db"}, func(c *lambdahost.Config) {
		c.InitializationType, c.Listener, c.InitTimeout = lambdahost.SnapStart, nil, time.Minute
	})
	if l.atInit != "200 MISS s3cret 1" || l.cloud.count() != 1 {
		t.Errorf("in INIT %q with %d calls: what is prefetched before the snapshot is in all its copies", l.atInit, l.cloud.count())
	}
	l.host.SetCredentials(lambdahost.Credentials{
		AccessKeyID: "AKIDRESTORED", SecretAccessKey: secret.NewText("s"), SessionToken: secret.NewText("t"),
	})
	l.cloud.set(func(c *cloud) { c.version = 2 })
	if err := l.host.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	event := `"` + secretPath + `"`
	res, err := l.host.Invoke(t.Context(), []byte(event))
	if err != nil || !strings.Contains(string(res.Payload), "s3cret 2") {
		t.Errorf("%s, %v", res.Payload, err)
	}
	if last := l.cloud.keys[len(l.cloud.keys)-1]; last != "AKIDRESTORED" {
		t.Errorf("signed with %s after the restore", last)
	}
	l.invoke(secretPath, "200 HIT s3cret 2", 0)
}

func TestAPortThatIsTaken(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.port = lambdahost.NewPipe()
	taken := func(ctx context.Context, p *lambdahost.Proc) error {
		return (&process{
			name: "coffer-extension", getenv: func(n string) string { return p.Env[n] }, errs: p.Output, now: time.Now, api: p.Client.Transport,
			listen: func(int) (net.Listener, error) {
				first, err := agent.Listen(0)
				if err != nil {
					return nil, err
				}
				defer first.Close()
				return agent.Listen(first.Addr().(*net.TCPAddr).Port)
			},
		}).run(ctx)
	}
	_, err := lambdahost.Start(t.Context(), lambdahost.Config{
		Function: lambdahost.Process{Program: l.function}, Output: l.line, InitTimeout: time.Minute,
		Extensions: []lambdahost.Extension{{Name: "coffer-extension", Process: lambdahost.Process{Program: taken}}},
	})
	if err == nil || !strings.Contains(strings.Join(l.log(), "\n")+err.Error(), "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT") {
		t.Errorf("%v\n%s", err, strings.Join(l.log(), "\n"))
	}
}

func TestASidecarRunsUntilItIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		env := map[string]string{
			"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "COFFER_AGENT_TOKEN": "tok", "COFFER_PREFETCH": "db",
		}
		ctx, stop := context.WithCancel(t.Context())
		port := lambdahost.NewPipe()
		ended := make(chan error)
		p := &process{
			getenv: func(n string) string { return env[n] }, errs: new(strings.Builder), now: time.Now, transport: l.cloud,
			listen: func(int) (net.Listener, error) { return port, nil },
		}
		go func() { ended <- p.run(ctx) }()
		synctest.Wait()
		l.port = port
		if got := l.ask(ctx, "tok", secretPath); got != "200 HIT s3cret 1" {
			t.Errorf("%q", got)
		}
		l.cloud.set(func(c *cloud) { c.version = 2 })
		time.Sleep(time.Second)
		l.ask(ctx, "tok", secretPath)
		time.Sleep(6 * time.Minute)
		if got := l.ask(ctx, "tok", secretPath); got != "200 HIT s3cret 2" {
			t.Errorf("%q: what is in use is refreshed by a timer", got)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestWrongSettingsOfASidecar(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]map[string]string{
		"no token":                       {"AWS_REGION": "eu-west-1"},
		"a token file that is not there": {"AWS_REGION": "eu-west-1", "COFFER_AGENT_TOKEN": "x", "COFFER_AGENT_TOKEN_FILE": "/does/not/exist"},
		"an endpoint that is none":       {"COFFER_ENDPOINT": "localhost", "COFFER_AGENT_TOKEN": "x"},
	} {
		p := &process{getenv: func(n string) string { return env[n] }, errs: new(strings.Builder), now: time.Now, listen: func(int) (net.Listener, error) {
			return lambdahost.NewPipe(), nil
		}}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.run(ctx); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	p := &process{getenv: func(string) string { return "" }, listen: func(int) (net.Listener, error) { return nil, syscall.EADDRINUSE }}
	if err := p.run(t.Context()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("%v", err)
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]struct {
		status int
		text   string
	}{
		"--version": {0, "coffer-extension "}, "--help": {0, "COFFER_PREFETCH"}, "-x": {2, `unknown argument "-x"`},
	} {
		var out strings.Builder
		if got := Main([]string{"coffer-extension", arg}, &out, &out); got != want.status || !strings.Contains(out.String(), want.text) {
			t.Errorf("%s: %d %q", arg, got, out.String())
		}
	}
}
