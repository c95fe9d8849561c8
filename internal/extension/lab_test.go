// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/vaultproxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cloud is AWS as the extension sees it: one secret, whose value tells its version.
type cloud struct {
	now func() time.Time

	mu      sync.Mutex
	version int
	fault   string // an error code, or "down" or "hangs"
	spared  string // a host that has no fault, nor what has this in its name
	calls   int
	keys    []string      // the access keys that requests were signed with
	closed  int           // how often connections were dropped
	delay   time.Duration // of every answer
	cut     int           // requests that were given up while they were delayed
	skew    time.Duration // of the clock that signatures are judged by
	once    func()        // done when the next request is on its way
	// changed is a Coffer server's: what has changed since a token.
	changed func(token string) []string
}

func (c *cloud) RoundTrip(req *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	_, key, _ := strings.Cut(req.Header.Get("Authorization"), "Credential=")
	key, _, _ = strings.Cut(key, "/")
	c.keys = append(c.keys, key)
	signed, err := time.Parse("20060102T150405Z", req.Header.Get("X-Amz-Date"))
	if c.once != nil {
		c.once()
		c.once = nil
	}
	late := err != nil || c.time().Sub(signed).Abs() > 5*time.Minute
	if !c.dawdle(req.Context()) {
		return nil, req.Context().Err()
	}
	fault := c.fault
	if c.spared != "" && strings.Contains(req.URL.Host, c.spared) {
		fault = ""
	}
	if req.URL.Path == "/coffer/v1/ListChanges" {
		return c.tell(req), nil
	}
	switch {
	case fault == "down":
		return nil, errors.New("connection refused")
	case fault == "hangs":
		c.mu.Unlock()
		<-req.Context().Done()
		c.mu.Lock()
		return nil, req.Context().Err()
	case late:
		return c.answer(403, `{"__type":"InvalidSignatureException","message":"Signature expired"}`), nil
	case fault != "":
		return c.answer(400, `{"__type":"`+fault+`"}`), nil
	case strings.HasPrefix(req.Header.Get("X-Amz-Target"), "AmazonSSM"):
		return c.answer(200, fmt.Sprintf(`{"Parameter":{"ARN":"arn:aws:ssm:eu-west-1:000000000000:parameter/p","Name":"/p","Type":"String","Value":"parameter %d","Version":%[1]d,"LastModifiedDate":%[1]d}}`, c.version)), nil
	}
	return c.answer(200, fmt.Sprintf(`{"ARN":"arn:aws:secretsmanager:eu-west-1:000000000000:secret:db-AbCdEf","Name":"db","VersionId":"v%d","SecretString":"s3cret %[1]d","VersionStages":["AWSCURRENT"],"CreatedDate":%[1]d}`, c.version)), nil
}

func (c *cloud) time() time.Time { return c.now().Add(c.skew) }

// dawdle takes its time, unless ctx ends first. It gives the lock away meanwhile.
func (c *cloud) dawdle(ctx context.Context) bool {
	if c.delay == 0 {
		return true
	}
	delay := time.NewTimer(c.delay)
	defer delay.Stop()
	gaveUp := false
	c.mu.Unlock()
	select {
	case <-delay.C:
	case <-ctx.Done():
		gaveUp = true
	}
	c.mu.Lock()
	if gaveUp {
		c.cut++
	}
	return !gaveUp
}

// tell answers ListChanges. The caller holds the lock.
func (c *cloud) tell(req *http.Request) *http.Response {
	if c.changed == nil {
		return c.answer(404, `{"__type":"UnknownOperationException"}`)
	}
	var in struct{ NextToken string }
	_ = json.NewDecoder(req.Body).Decode(&in)
	var changes []map[string]string
	for _, arn := range c.changed(in.NextToken) {
		changes = append(changes, map[string]string{"ARN": arn})
	}
	body, _ := json.Marshal(map[string]any{"NextToken": "t", "Changes": changes})
	return c.answer(200, string(body))
}

func (c *cloud) answer(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Body: io.NopCloser(strings.NewReader(body)),
		Header: http.Header{"Date": {c.time().UTC().Format(http.TimeFormat)}},
	}
}

func (c *cloud) CloseIdleConnections() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed++
}

func (c *cloud) set(f func(*cloud)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c)
}

func (c *cloud) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls
}

// lab is a Lambda environment with the extension and a function in it.
type lab struct {
	t     *testing.T
	cloud *cloud
	clock *lambdahost.WallClock
	host  *lambdahost.Host
	// inInit is a path that the function asks for before it is ready.
	inInit string
	hide   string // an environment variable that the extension does not see
	vault  http.RoundTripper
	// proxyTaken is why the port of Vault's proxy can't be had.
	proxyTaken error

	mu     sync.Mutex
	port   *lambdahost.Pipe // where the extension serves now
	proxy  *lambdahost.Pipe // and where as Vault
	atInit string
	lines  []string
}

func newLab(t *testing.T) *lab {
	l := &lab{t: t, clock: new(lambdahost.WallClock)}
	l.cloud = &cloud{now: l.clock.Now, version: 1}
	return l
}

// start brings the environment to the end of INIT.
func (l *lab) start(env map[string]string, change ...func(*lambdahost.Config)) *lab {
	l.t.Helper()
	cfg := lambdahost.Config{
		Function: lambdahost.Process{Program: l.function}, Region: "eu-west-1", Env: env, Clock: l.clock, Listener: lambdahost.NewPipe(),
		Extensions:  []lambdahost.Extension{{Name: "coffer-extension", Process: lambdahost.Process{Program: l.extension}}},
		Credentials: lambdahost.Credentials{AccessKeyID: "AKIDCLASSIC", SecretAccessKey: secret.NewText("s"), SessionToken: secret.NewText("session")},
		Timeout:     time.Minute,
		Output:      l.line,
	}
	for _, f := range change {
		f(&cfg)
	}
	host, err := lambdahost.Start(l.t.Context(), cfg)
	if err != nil {
		l.t.Fatalf("%v\n%s", err, strings.Join(l.log(), "\n"))
	}
	l.host = host
	l.t.Cleanup(func() {
		if err := host.Shutdown(context.Background()); err != nil {
			l.t.Error(err)
		}
		for _, line := range l.log() {
			if strings.Contains(line, "s3cret ") {
				l.t.Errorf("a value was logged: %s", line)
			}
		}
	})
	return l
}

func (l *lab) line(source, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, source+": "+line)
}

func (l *lab) log() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// extension is the program under test.
func (l *lab) extension(ctx context.Context, p *lambdahost.Proc) error {
	return l.process(p).run(ctx)
}

// process is the program with surroundings of the lab.
func (l *lab) process(p *lambdahost.Proc) *process {
	return &process{
		name: "/opt/extensions/coffer-extension", errs: p.Output, now: p.Clock.Now, api: p.Client.Transport, transport: l.sources(),
		environ: func() []string {
			var all []string
			for name, value := range p.Env {
				all = append(all, name+"="+value)
			}
			return all
		},
		getenv: func(name string) string {
			if name == l.hide {
				return ""
			}
			return p.Env[name]
		},
		listen: func(port int) (net.Listener, error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			if port == vaultproxy.DefaultPort {
				l.proxy = lambdahost.NewPipe()
				return l.proxy, l.proxyTaken
			}
			l.port = lambdahost.NewPipe()
			return l.port, nil
		},
	}
}

// function asks the extension for the path that its event names, and tells what came.
// The event "crash" makes it exit, and "hang" hang.
func (l *lab) function(ctx context.Context, p *lambdahost.Proc) error {
	token := p.Env["AWS_SESSION_TOKEN"] + p.Env["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
	if l.inInit != "" {
		got := l.ask(ctx, token, l.inInit)
		l.mu.Lock()
		l.atInit = got
		l.mu.Unlock()
	}
	crashed := errors.New("crash")
	life, crash := context.WithCancelCause(ctx)
	defer crash(nil)
	err := lambdahost.Serve(func(ctx context.Context, event []byte) ([]byte, error) {
		var path string
		if err := json.Unmarshal(event, &path); err != nil {
			return nil, err
		}
		if path == "crash" {
			crash(crashed)
		}
		if path == "crash" || path == "hang" {
			<-life.Done()
			return nil, crashed
		}
		return json.Marshal(l.ask(ctx, token, path))
	})(life, p)
	return errors.Join(err, context.Cause(life))
}

// ask returns status, X-Cache or X-Error-Code, and the value.
func (l *lab) ask(ctx context.Context, token, path string) string {
	l.mu.Lock()
	port := l.port
	l.mu.Unlock()
	tr := &http.Transport{DialContext: port.DialContext, DisableKeepAlives: true}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost:2773"+path, nil)
	if err != nil {
		return err.Error()
	}
	req.Header.Set("X-Aws-Parameters-Secrets-Token", token)
	res, err := tr.RoundTrip(req)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	var got struct {
		SecretString string
		Parameter    struct{ Value string }
	}
	_ = json.Unmarshal(body, &got)
	return strings.Join(strings.Fields(fmt.Sprint(res.StatusCode, " ", res.Header.Get("X-Cache"), " ", res.Header.Get("X-Error-Code"), " ", got.SecretString, got.Parameter.Value)), " ")
}

// anyCalls is the count of calls that a test does not know.
const anyCalls = -1

const (
	secretPath    = "/secretsmanager/get?secretId=db"
	parameterPath = "/systemsmanager/parameters/get?name=/p"
)

// invoke runs the function with a path and checks what it was told, and how often the
// source was asked meanwhile. A star stands for HIT or MISS.
func (l *lab) invoke(path, want string, calls int) *lambdahost.Result {
	l.t.Helper()
	before := l.cloud.count()
	event, _ := json.Marshal(path)
	res, err := l.host.Invoke(l.t.Context(), event)
	if err != nil {
		l.t.Fatal(err)
	}
	var got string
	err = json.Unmarshal(res.Payload, &got)
	if strings.HasPrefix(want, "200 * ") { // whether the function or INVOKE comes first
		got = strings.NewReplacer("HIT", "*", "MISS", "*").Replace(got)
	}
	if err != nil || got != want {
		l.t.Errorf("the function was told %s, want %q", res.Payload, want)
	}
	if n := l.cloud.count() - before; n != calls && calls != anyCalls {
		l.t.Errorf("%d calls to the source, want %d", n, calls)
	}
	return res
}

// freeze lets the environment be frozen for so long before the next invocation.
func (l *lab) freeze(d time.Duration) {
	l.t.Helper()
	if err := l.host.Freeze(d); err != nil {
		l.t.Fatal(err)
	}
}
