// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coffer-secrets/coffer/internal/api"
	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
	source "github.com/coffer-secrets/coffer/internal/source/vault"
)

// reader is a Source before a real server, with a clock that jumps.
type reader struct {
	*testing.T
	*source.Source
	*recorder
}

// recorder notes what is sent, and what comes.
type recorder struct {
	http.Transport
	mu    sync.Mutex
	calls []string
	ahead time.Duration
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := r.Transport.RoundTrip(req)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.calls = append(r.calls, fmt.Sprint(req.Method, " ", strings.TrimPrefix(req.URL.Path, "/v1/"), " ", res.StatusCode))
	}
	return res, err
}

func (r *recorder) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Now().Add(r.ahead)
}

// wait lets time pass for the source, and not for the server.
func (r *recorder) wait(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ahead += d
}

// read returns a Source that is configured by an environment.
func (s *server) read(env map[string]string) reader {
	s.Helper()
	r := reader{T: s.T, recorder: new(recorder)}
	s.Cleanup(r.CloseIdleConnections)
	env["VAULT_ADDR"] = s.url
	cfg, _, err := source.FromEnvironment(func(name string) string { return env[name] }, r.now)
	if err != nil {
		s.Fatal(err)
	}
	cfg.Transport = r.recorder
	if r.Source, err = source.New(cfg); err != nil {
		s.Fatal(err)
	}
	return r
}

// asRole returns a Source that logs in with an AppRole.
func (s *server) asRole(options string) reader {
	roleID, secretID := s.approle(options)
	return s.read(map[string]string{"VAULT_ROLE_ID": roleID, "VAULT_SECRET_ID": secretID})
}

func (r reader) gives(ref cache.Ref, want string) cache.Value {
	r.Helper()
	v, err := r.Fetch(r.Context(), ref)
	if err != nil {
		r.Fatalf("%+v: %v\n%s", ref, err, strings.Join(r.calls, "\n"))
	}
	if got := v.Text.RevealString(); got != want {
		r.Errorf("%+v is %s, want %s", ref, got, want)
	}
	return v
}

// fails checks the code that a ref is refused with, or "unavailable".
func (r reader) fails(ref cache.Ref, want string) {
	r.Helper()
	_, err := r.Fetch(r.Context(), ref)
	got := fmt.Sprint(err)
	if e, ok := errors.AsType[*api.Error](err); ok {
		got = e.Code
	}
	if _, soft := errors.AsType[*cache.Unavailable](err); soft {
		got = "unavailable"
	}
	if got != want {
		r.Errorf("%+v: %v (%s), want %s", ref, err, got, want)
	}
}

// sent checks that the server was asked so since the last time, in this order.
func (r reader) sent(want ...string) {
	r.Helper()
	r.mu.Lock()
	calls := r.calls
	r.calls = nil
	r.mu.Unlock()
	if strings.Join(calls, "\n") != strings.Join(want, "\n") {
		r.Errorf("the server was asked\n%s\nwant\n%s", strings.Join(calls, "\n"), strings.Join(want, "\n"))
	}
}

func TestKVEngines(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	r := s.asRole(`"token_ttl":"1h"`)
	r.gives(cache.Ref{ID: "plain/db"}, `{"password":"plain"}`)
	r.sent("POST auth/approle/login 200", "GET sys/internal/ui/mounts/plain/db 200", "GET plain/db 200")
	v := r.gives(cache.Ref{ID: "secret/db"}, `{"password":"second","port":5432}`)
	if v.VersionID != "2" || time.Since(v.Created).Abs() > time.Hour {
		t.Errorf("version %s of %v", v.VersionID, v.Created)
	}
	r.sent("GET sys/internal/ui/mounts/secret/db 200", "GET secret/data/db 200")
	r.gives(cache.Ref{ID: "secret/data/db#port"}, "5432")
	r.gives(cache.Ref{ID: "secret/db#password", VersionID: "1"}, "first")
	r.gives(cache.Ref{ID: "secret/db#password", Stage: "AWSPREVIOUS"}, "first")
	s.do("DELETE", "secret/data/db", "")
	r.fails(cache.Ref{ID: "secret/db"}, "ResourceNotFoundException")
	r.fails(cache.Ref{ID: "secret/db", VersionID: "7"}, "ResourceNotFoundException")
	r.fails(cache.Ref{ID: "secret/nothing"}, "ResourceNotFoundException")
	r.fails(cache.Ref{ID: "secret/denied/db"}, "AccessDeniedException")
	r.fails(cache.Ref{ID: "nowhere/db"}, "AccessDeniedException")
}

func TestAnEngineWhoseVersionIsNotTold(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	r := s.asRole(`"token_ttl":"1h"`)
	s.do("POST", "sys/policies/acl/reader", `{"policy":"path \"secret/*\" { capabilities = [\"read\"] } path \"sys/internal/ui/mounts/*\" { capabilities = [\"deny\"] }"}`)
	r.gives(cache.Ref{ID: "secret/db#password"}, "second")
	r.gives(cache.Ref{ID: "secret/data/db#password"}, "second")
}

func TestATokenIsRenewedAndReplaced(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	r := s.asRole(`"token_ttl":"1h","token_max_ttl":"24h"`)
	ref := cache.Ref{ID: "plain/db#password"}
	r.gives(ref, "plain")
	r.sent("POST auth/approle/login 200", "GET sys/internal/ui/mounts/plain/db 200", "GET plain/db 200")
	r.wait(41 * time.Minute)
	r.gives(ref, "plain")
	r.sent("POST auth/token/renew-self 200", "GET sys/internal/ui/mounts/plain/db 200", "GET plain/db 200")
	s.do("PUT", "sys/leases/revoke-prefix/auth/approle/login?sync=true", `{"sync":true}`)
	r.gives(ref, "plain")
	r.sent("GET plain/db 403", "POST auth/approle/login 200", "GET plain/db 200")
	r.wait(61 * time.Minute)
	r.gives(ref, "plain")
	r.sent("POST auth/approle/login 200", "GET sys/internal/ui/mounts/plain/db 200", "GET plain/db 200")
}

func TestALoginThatIsRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	roleID, _ := s.approle(`"token_ttl":"1h"`)
	r := s.read(map[string]string{"VAULT_ROLE_ID": roleID, "VAULT_SECRET_ID": "wrong"})
	r.fails(cache.Ref{ID: "plain/db"}, "AccessDeniedException")
	r.sent("POST auth/approle/login 400")
}

func TestATokenThatIsGiven(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	r := s.read(map[string]string{"VAULT_TOKEN": s.root})
	r.gives(cache.Ref{ID: "secret/denied/db#password"}, "hidden")
	r.sent("GET auth/token/lookup-self 200", "GET sys/internal/ui/mounts/secret/denied/db 200", "GET secret/data/denied/db 200")
	r.wait(10000 * time.Hour)
	r.gives(cache.Ref{ID: "plain/db#password"}, "plain")
	r = s.read(map[string]string{"VAULT_TOKEN": "hvs.wrong"})
	r.fails(cache.Ref{ID: "plain/db"}, "AccessDeniedException")
}

func TestLeases(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	r := s.asRole(`"token_ttl":"20h","token_max_ttl":"24h"`)
	ref := cache.Ref{ID: "rented/creds#user"}
	first := r.gives(ref, "user1")
	r.sent("POST auth/approle/login 200", "GET sys/internal/ui/mounts/rented/creds 200", "GET rented/creds 200")
	if left := first.Ends.Sub(r.now()); left < 59*time.Minute || left > time.Hour {
		t.Errorf("it ends in %v", left)
	}
	again := r.gives(ref, "user1")
	r.sent("POST sys/leases/renew 200")
	if first.VersionID != again.VersionID || first.VersionID == "" {
		t.Errorf("versions %q and %q", first.VersionID, again.VersionID)
	}
	s.do("PUT", "sys/leases/revoke-prefix/rented", `{"sync":true}`)
	r.gives(ref, "user2")
	r.sent("POST sys/leases/renew 400", "GET rented/creds 200")
	// With the token the lease ends.
	s.do("PUT", "sys/leases/revoke-prefix/auth/approle/login", `{"sync":true}`)
	r.wait(11 * time.Second)
	if got, err := r.Fetch(t.Context(), ref); err != nil || got.Text.RevealString() != "user3" {
		t.Errorf("%v", err)
	}
}

func TestAServerThatIsSealed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	r := s.asRole(`"token_ttl":"1h"`)
	r.gives(cache.Ref{ID: "plain/db#password"}, "plain")
	s.do("PUT", "sys/seal", "")
	r.fails(cache.Ref{ID: "plain/db"}, "unavailable")
}

func TestTheLoginWithAJWT(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	config, _ := json.Marshal(map[string]any{"jwt_validation_pubkeys": []string{string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}})
	s.do("POST", "sys/auth/workload", `{"type":"jwt"}`)
	s.do("POST", "auth/workload/config", string(config))
	s.do("POST", "auth/workload/role/app", `{"role_type":"jwt","user_claim":"sub","bound_audiences":["vault"],"token_policies":["reader"]}`)
	env := map[string]string{"VAULT_JWT": signed(t, key, "vault"), "VAULT_AUTH_ROLE": "app", "VAULT_AUTH_PROVIDER": "workload"}
	s.read(env).gives(cache.Ref{ID: "secret/db#password"}, "second")
	env["VAULT_JWT"] = signed(t, key, "somebody else")
	s.read(env).fails(cache.Ref{ID: "secret/db"}, "AccessDeniedException")
}

// signed returns a JWT for an audience.
func signed(t *testing.T, key *ecdsa.PrivateKey, audience string) string {
	t.Helper()
	claims, _ := json.Marshal(map[string]any{"sub": "orders", "aud": audience, "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix()})
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims)
	digest := sha256.Sum256([]byte(text))
	r, v, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := append(r.FillBytes(make([]byte, 32)), v.FillBytes(make([]byte, 32))...)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestTheLoginWithAnAWSRole(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	sts := &identityService{T: t, secret: "wJalrXUtnFEMI"}
	fake := httptest.NewServer(sts)
	t.Cleanup(fake.Close)
	s.do("POST", "sys/auth/aws", `{"type":"aws"}`)
	s.do("POST", "auth/aws/config/client", `{"sts_endpoint":"`+fake.URL+`","sts_region":"eu-west-1","iam_server_id_header_value":"vault.test"}`)
	s.do("POST", "auth/aws/role/app", `{"auth_type":"iam","bound_iam_principal_arn":"arn:aws:iam::123456789012:role/orders","resolve_aws_unique_ids":false,"token_policies":"reader"}`)
	env := map[string]string{
		"VAULT_AUTH_ROLE": "app", "VAULT_AUTH_PROVIDER": "aws", "VAULT_IAM_SERVER_ID": "vault.test", "VAULT_STS_ENDPOINT_REGION": "eu-west-1",
		"AWS_ACCESS_KEY_ID": "ASIAORDERS", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI", "AWS_SESSION_TOKEN": "session",
	}
	s.read(env).gives(cache.Ref{ID: "secret/db#password"}, "second")
	if sts.host != "sts.eu-west-1.amazonaws.com" {
		t.Errorf("the request was for %q", sts.host)
	}
	env["AWS_SECRET_ACCESS_KEY"] = "wrong"
	s.read(env).fails(cache.Ref{ID: "secret/db"}, "AccessDeniedException")
	env["AWS_SECRET_ACCESS_KEY"], env["VAULT_IAM_SERVER_ID"] = "wJalrXUtnFEMI", "other.test"
	s.read(env).fails(cache.Ref{ID: "secret/db"}, "AccessDeniedException")
}

// identityService is STS's GetCallerIdentity, for one role. It verifies signatures.
type identityService struct {
	*testing.T
	secret string
	mu     sync.Mutex
	host   string
}

func (i *identityService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.host = r.Host
	body, _ := io.ReadAll(r.Body)
	presented, err := sigv4.Parse(r)
	if err == nil {
		var v sigv4.Verifier
		err = v.Verify(presented, body, sigv4.Terms{Now: time.Now(), Secret: secret.FromString(i.secret), Region: "eu-west-1", Service: "sts"})
	}
	if err != nil || string(body) != "Action=GetCallerIdentity&Version=2011-06-15" {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>`)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprint(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>`+
		`<Arn>arn:aws:sts::123456789012:assumed-role/orders/session</Arn><UserId>AROAORDERS:session</UserId><Account>123456789012</Account>`+
		`</GetCallerIdentityResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>`)
}
