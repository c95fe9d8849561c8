// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package invoke_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/coffer-secrets/coffer/coffertest"
	"github.com/coffer-secrets/coffer/internal/extension"
	"github.com/coffer-secrets/coffer/internal/invoke"
	"github.com/coffer-secrets/coffer/internal/lambdahost"
	"github.com/coffer-secrets/coffer/internal/runtimes"
)

// TestMain is also the function and the extension, by the name that it is run by.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "function":
		os.Exit(lambdahost.RunMain(lambdahost.Serve(ask)))
	case "coffer-extension":
		os.Exit(extension.Main(os.Args, os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

// ask is a function that asks the extension for the path that its event is, and answers with
// the status and the secret, or whether it sees the variable that the event names.
func ask(ctx context.Context, event []byte) ([]byte, error) {
	var what string
	if err := json.Unmarshal(event, &what); err != nil {
		return nil, err
	}
	if name, ok := strings.CutPrefix(what, "$"); ok {
		return json.Marshal(os.Getenv(name))
	}
	if what == "fail" {
		return nil, errors.New("it failed")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost:"+os.Getenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT")+what, nil)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(what, "tokenless") {
		req.Header.Set("X-Aws-Parameters-Secrets-Token", os.Getenv("AWS_SESSION_TOKEN")+os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN"))
	}
	if strings.Contains(what, "forwarded") {
		req.Header.Set("X-Forwarded-For", "10.0.0.1")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return json.Marshal("no answer")
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	var got struct {
		SecretString string
		Parameter    struct{ Value string }
	}
	_ = json.Unmarshal(body, &got)
	return json.Marshal(fmt.Sprint(res.StatusCode, " ", got.SecretString+got.Parameter.Value))
}

// as returns a path of this program by another name.
func as(t *testing.T, name string) string {
	t.Helper()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(own, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// bench is a session with what it logged.
type bench struct {
	*invoke.Session
	t *testing.T

	mu  sync.Mutex
	log []string
}

func open(t *testing.T, o invoke.Options) *bench {
	t.Helper()
	b := &bench{t: t}
	o.Function.Path = as(t, "function")
	if o.Extension == "" {
		o.Extension = as(t, "coffer-extension")
	}
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	o.Timeout = time.Minute
	if o.Port == 0 && o.Getenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT") == "" {
		o.Port = freePort(t)
	}
	o.Output = func(source, line string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.log = append(b.log, source+": "+line)
	}
	var err error
	if b.Session, err = invoke.Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// logged closes the session and returns all that it has logged.
func (b *bench) logged() string {
	b.t.Helper()
	if err := b.Close(); err != nil {
		b.t.Error(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.log, "\n")
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// invoke wants the function to answer so, and the extension to have answered it so.
func (b *bench) invoke(what, want string, answers ...invoke.Answer) *invoke.Report {
	b.t.Helper()
	event, _ := json.Marshal(what)
	r, err := b.Invoke(b.t.Context(), event)
	if err != nil {
		b.t.Fatal(err)
	}
	wanted, _ := json.Marshal(want)
	if string(r.Payload) != string(wanted) || r.FunctionError != "" {
		b.t.Errorf("%s: %s (%s), want %s", what, r.Payload, r.FunctionError, wanted)
	}
	diff := cmp.Diff(answers, r.Extension, cmpopts.IgnoreFields(invoke.Answer{}, "Milliseconds", "Age"), cmpopts.EquateEmpty())
	if diff != "" {
		b.t.Errorf("%s: the extension's answers (-want +got):\n%s", what, diff)
	}
	return r
}

const (
	dbPath = "/secretsmanager/get?secretId=prod/db"
	pPath  = "/systemsmanager/parameters/get?name=/prod/key&withDecryption=true"
)

func got(path, cache string) invoke.Answer {
	return invoke.Answer{Request: "GET " + path, Status: 200, Cache: cache}
}

func TestAFunctionWithAServerOfItsOwn(t *testing.T) {
	t.Parallel()
	b := open(t, invoke.Options{
		Dev:      &invoke.Dev{Secrets: map[string]string{"prod/db": "correct-horse"}, Parameters: map[string]string{"/prod/key": "k"}},
		Env:      map[string]string{"STAGE": "test"},
		MemoryMB: 256,
	})
	r := b.invoke(dbPath, "200 correct-horse", got(dbPath, "MISS"))
	if r.InitDurationMs <= 0 || r.DurationMs <= 0 || r.MemorySizeMB != 256 || len(r.RequestID) != 36 {
		t.Errorf("%+v", r)
	}
	if r = b.invoke(dbPath, "200 correct-horse", got(dbPath, "HIT")); r.InitDurationMs != 0 {
		t.Errorf("INIT again: %+v", r)
	}
	b.invoke(pPath, "200 k", got(pPath, "MISS"))
	none := "/secretsmanager/get?secretId=none"
	b.invoke(none, "400 ", invoke.Answer{Request: "GET " + none, Status: 400, ErrorCode: "ResourceNotFoundException"})
	b.invoke("$STAGE", "test")
	b.invoke("$AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
	b.invoke("$HOME", "")
	if err := b.Freeze(t.Context(), time.Millisecond); err != nil {
		t.Fatal(err)
	}
	b.invoke(dbPath, "200 correct-horse", got(dbPath, "HIT"))
	if log := b.logged(); strings.Contains(log, "correct-horse") {
		t.Errorf("a value was logged:\n%s", log)
	}
}

func TestWhatIsWrongWithARequestStaysSo(t *testing.T) {
	t.Parallel()
	b := open(t, invoke.Options{Dev: &invoke.Dev{Secrets: map[string]string{"prod/db": "correct-horse"}}})
	path := dbPath + "&forwarded=1"
	b.invoke(path, "400 ", invoke.Answer{Request: "GET " + path, Status: 400})
	b.invoke("/no/such/path", "404 ", invoke.Answer{Request: "GET /no/such/path", Status: 404})
}

func TestTheRoleMayDoWhatItsPolicySays(t *testing.T) {
	t.Parallel()
	b := open(t, invoke.Options{Dev: &invoke.Dev{
		Secrets: map[string]string{"prod/db": "correct-horse"}, Parameters: map[string]string{"/prod/key": "k"}, Policy: coffertest.Allow("ssm:GetParameter", "kms:Decrypt"),
	}})
	b.invoke(pPath, "200 k", got(pPath, "MISS"))
	b.invoke(dbPath, "400 ", invoke.Answer{Request: "GET " + dbPath, Status: 400, ErrorCode: "AccessDeniedException"})
}

func TestAFailureIsReported(t *testing.T) {
	t.Parallel()
	b := open(t, invoke.Options{Dev: &invoke.Dev{}})
	r, err := b.Invoke(t.Context(), []byte(`"fail"`))
	if err != nil || r.FunctionError != "Unhandled" || r.ErrorType != "Error" || !strings.Contains(string(r.Payload), "it failed") {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := b.Invoke(t.Context(), []byte(`{`)); err == nil || err.Error() != "the event is not JSON" {
		t.Errorf("%v", err)
	}
}

// caller is the environment of somebody who has credentials without a session token.
func caller(srv *coffertest.Server, more ...string) func(string) string {
	return func(name string) string {
		for _, v := range append(srv.Environ(), more...) {
			if value, ok := strings.CutPrefix(v, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

func TestAFunctionWithTheCallersCredentials(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t, coffertest.Secret("prod/db", "correct-horse"))
	port := strconv.Itoa(freePort(t))
	b := open(t, invoke.Options{Getenv: caller(srv, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+port, "SECRET_OF_MINE=1")})
	b.invoke(dbPath, "200 correct-horse", got(dbPath, "MISS"))
	b.invoke("$PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", port)
	b.invoke("$AWS_ACCESS_KEY_ID", srv.AccessKeyID)
	b.invoke("$AWS_ENDPOINT_URL", srv.URL)
	b.invoke("$SECRET_OF_MINE", "")
	tokenless := dbPath + "&tokenless=1"
	b.invoke(tokenless, "401 ", invoke.Answer{Request: "GET " + tokenless, Status: 401})
	srv.Outage(true)
	srv.SetSecret("prod/db", "battery-staple")
	b.invoke(dbPath, "200 correct-horse", got(dbPath, "HIT"))
	if log := b.logged(); !strings.Contains(log+"\n", "address=127.0.0.1:"+port+"\n") {
		t.Errorf("the log does not tell the port that the function knows:\n%s", log)
	}
}

func TestAnEndpointComesBeforeTheEnvironments(t *testing.T) {
	t.Parallel()
	srv := coffertest.NewServer(t, coffertest.Secret("prod/db", "correct-horse"))
	getenv := func(name string) string {
		if name == "COFFER_ENDPOINT" || strings.HasPrefix(name, "AWS_ENDPOINT_URL") {
			return "http://127.0.0.1:1"
		}
		return caller(srv)(name)
	}
	b := open(t, invoke.Options{Getenv: getenv, Endpoint: srv.URL})
	b.invoke(dbPath, "200 correct-horse", got(dbPath, "MISS"))
}

func TestSnapStartAndManagedInstances(t *testing.T) {
	t.Parallel()
	for _, kind := range []lambdahost.InitializationType{lambdahost.SnapStart, lambdahost.ManagedInstances} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			b := open(t, invoke.Options{InitializationType: kind, Dev: &invoke.Dev{Secrets: map[string]string{"prod/db": "correct-horse"}}})
			b.invoke(dbPath, "200 correct-horse", got(dbPath, "MISS"))
			err := b.Freeze(t.Context(), 0)
			if kind == lambdahost.ManagedInstances != (err != nil) {
				t.Errorf("freezing: %v", err)
			}
		})
	}
}

func TestNoExtension(t *testing.T) {
	t.Parallel()
	b := open(t, invoke.Options{Extension: invoke.NoExtension, Dev: &invoke.Dev{}})
	b.invoke("$PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "")
}

func TestAnExtensionThatIsNotThere(t *testing.T) {
	t.Parallel()
	b := open(t, invoke.Options{Extension: as(t, "function"), Dev: &invoke.Dev{}}) // which never registers
	event, _ := json.Marshal(dbPath)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if r, err := b.Invoke(ctx, event); err == nil && r.FunctionError == "" {
		t.Errorf("%+v", r)
	}
}

func TestWhatCanNotBeOpened(t *testing.T) {
	t.Parallel()
	function := runtimes.Function{Path: as(t, "function")}
	program := as(t, "coffer-extension")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for want, o := range map[string]invoke.Options{
		"no such file":                    {Function: runtimes.Function{Path: "none"}},
		"the extension: stat ":            {Function: function, Extension: "none-at-all", Dev: &invoke.Dev{}},
		"set AWS_ACCESS_KEY_ID":           {Function: function, Extension: program},
		"is taken":                        {Function: function, Extension: program, Dev: &invoke.Dev{}, Port: taken.Addr().(*net.TCPAddr).Port},
		"storing secret a*b: ":            {Function: function, Extension: program, Dev: &invoke.Dev{Secrets: map[string]string{"a*b": "correct-horse"}}},
		"AWS_REGION is reserved":          {Function: function, Extension: program, Dev: &invoke.Dev{}, Env: map[string]string{"AWS_REGION": "x"}},
		"the function's role: ":           {Function: function, Extension: program, Dev: &invoke.Dev{Policy: "{"}},
		"environment variable name \"-\"": {Function: function, Extension: invoke.NoExtension, Dev: &invoke.Dev{}, Env: map[string]string{"-": "x"}},
	} {
		o.Getenv = func(string) string { return "" }
		s, err := invoke.Open(t.Context(), o)
		if err == nil {
			err = errors.Join(errors.New("no error"), s.Close())
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "correct-horse") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
