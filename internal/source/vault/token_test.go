// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package vault_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coffer-secrets/coffer/internal/cache"
	"github.com/coffer-secrets/coffer/internal/client"
	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
	"github.com/coffer-secrets/coffer/internal/source/vault"
	"github.com/coffer-secrets/coffer/internal/source/vault/vaulttest"
)

const (
	read  = "GET plain/db"
	renew = "POST auth/token/renew-self"
)

// asks reads a secret, and checks what the server is asked for that, but for the engine,
// whose version is asked again every ten minutes.
func (l lab) asks(want ...string) {
	l.Helper()
	l.server.Calls()
	l.gives("plain/db#password", "plain")
	got := slices.DeleteFunc(l.server.Calls(), func(c string) bool { return strings.Contains(c, "mounts") })
	if !slices.Equal(got, want) {
		l.Errorf("the server was asked %v, want %v", got, want)
	}
}

func TestATokenIsRenewedAndThenGivenUp(t *testing.T) {
	bubble(t, func(l lab) {
		l.server.TokenMax = 2 * time.Hour
		l.asks(login, read)
		l.asks(read)
		l.freeze(39 * time.Minute)
		l.asks(read)
		l.freeze(2 * time.Minute)
		l.asks(renew, read) // two thirds of its life are over
		l.freeze(41 * time.Minute)
		l.asks(renew, read) // good for 38 minutes more: its longest life
		l.freeze(30 * time.Minute)
		l.asks(renew, read) // which brings next to nothing
		l.freeze(7 * time.Minute)
		l.asks(read)
		l.freeze(50 * time.Second)
		l.asks(login, read) // in the last ten seconds it is not used
	})
}

func TestATokenThatEndedInAFreeze(t *testing.T) {
	bubble(t, func(l lab) {
		l.asks(login, read)
		l.freeze(5 * time.Hour)
		l.asks(login, read)
	})
}

func TestATokenThatIsNotRenewable(t *testing.T) {
	bubble(t, func(l lab) {
		l.server.TokenFixed = true
		l.asks(login, read)
		l.freeze(59 * time.Minute)
		l.asks(read)
		l.freeze(51 * time.Second)
		l.asks(login, read)
	})
}

func TestATokenThatLivesForSeconds(t *testing.T) {
	bubble(t, func(l lab) {
		l.server.TokenLife, l.server.TokenFixed = 9*time.Second, true
		l.asks(login, read)
		l.asks(read) // the grace is a third of its life at most
	})
}

func TestARenewalThatFails(t *testing.T) {
	bubble(t, func(l lab) {
		l.asks(login, read)
		l.freeze(45 * time.Minute)
		l.server.Set(func(s *vaulttest.Server) {
			s.Fault = func(req *http.Request) (*http.Response, error) {
				if strings.HasSuffix(req.URL.Path, "renew-self") {
					return vaulttest.Refusal(500, "storage"), nil
				}
				return nil, nil
			}
		})
		l.asks(renew, renew, renew, read) // it is good for a quarter of an hour yet
		l.asks(read)                      // and left alone for a while
		l.freeze(20 * time.Second)
		l.asks(renew, renew, renew, read)
		l.server.Set(func(s *vaulttest.Server) { s.Fault, s.TokenFixed = nil, true })
		l.freeze(20 * time.Second)
		l.asks(renew, login, read) // a refusal is final
	})
}

func TestARevokedTokenLeadsToOneLoginAndOneRetry(t *testing.T) {
	bubble(t, func(l lab) {
		l.asks(login, read)
		l.server.Revoke()
		l.asks(read, login, read)
		l.server.Calls()
		l.fails(cache.Ref{ID: "denied/x"}, "AccessDeniedException")
		l.calls("GET sys/internal/ui/mounts/denied/x", "GET denied/x")
		l.freeze(11 * time.Second)
		l.fails(cache.Ref{ID: "denied/x"}, "AccessDeniedException")
		l.calls("GET denied/x", login, "GET denied/x")
		l.fails(cache.Ref{ID: "denied/x"}, "AccessDeniedException")
		l.calls("GET denied/x") // what a policy denies does not make a storm of logins
	})
}

func TestARefusedLogin(t *testing.T) {
	bubble(t, func(l lab) {
		l.server.Fault = func(req *http.Request) (*http.Response, error) {
			return vaulttest.Refusal(400, "invalid role or secret ID"), nil
		}
		err := l.fails(cache.Ref{ID: "secret/db"}, "AccessDeniedException")
		if e, ok := errors.AsType[*vault.LoginError](err); !ok || !strings.Contains(e.Error(), "invalid role") || strings.Contains(err.Error(), "proof") {
			l.Errorf("%v", err)
		}
		l.calls(login)
		l.server.Set(func(s *vaulttest.Server) {
			s.Fault = func(*http.Request) (*http.Response, error) { return vaulttest.Answer(200, `{"auth":null}`), nil }
		})
		l.fails(cache.Ref{ID: "secret/db"}, "AccessDeniedException")
		l.server.Set(func(s *vaulttest.Server) { s.Fault = vaulttest.Sealed })
		l.fails(cache.Ref{ID: "secret/db"}, "unavailable")
		l.server.Set(func(s *vaulttest.Server) { s.Fault = nil })
		l.gives("secret/db#password", "s3cret")
	})
}

func TestOneLoginIsUnderWayAtATime(t *testing.T) {
	bubble(t, func(l lab) {
		l.server.Fault = func(req *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return nil, nil
		}
		impatient, cancel := context.WithTimeout(l.Context(), 100*time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				if i == 7 {
					if _, err := l.Fetch(impatient, cache.Ref{ID: "plain/db"}); err == nil {
						t.Error("who gave up got a value")
					}
					return
				}
				l.gives("plain/db#password", "plain")
			})
		}
		wg.Wait()
		// Who gave up may have been the one who was logging in.
		if n := len(l.server.Logins()); n < 1 || n > 2 {
			t.Errorf("%d logins", n)
		}
	})
}

func TestForgetDropsTheToken(t *testing.T) {
	bubble(t, func(l lab) {
		l.asks(login, read)
		l.Forget()
		l.asks(login, read)
	})
}

func TestATokenThatIsGiven(t *testing.T) {
	const lookUp = "GET auth/token/lookup-self"
	file := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Error(err)
		}
	}
	write("hvs.first")
	bubble(t, func(l lab) {
		l.server.AddToken("hvs.first", time.Hour)
		l.asks(lookUp, read)
		l.freeze(45 * time.Minute)
		l.asks(renew, read)
		l.freeze(2 * time.Hour)
		write("hvs.second") // as Vault's agent does
		l.server.AddToken("hvs.second", 0)
		l.asks(lookUp, read)
		l.freeze(1000 * time.Hour)
		l.asks(read)
		l.server.Set(func(s *vaulttest.Server) {
			s.Fault = func(req *http.Request) (*http.Response, error) {
				if strings.HasSuffix(req.URL.Path, "lookup-self") {
					return vaulttest.Refusal(403, "permission denied"), nil
				}
				return nil, nil
			}
		})
		l.Forget()
		l.asks(lookUp, read)
		for _, bad := range []string{"", strings.Repeat("x", 1<<17), "a\nb"} {
			write(bad)
			l.Forget()
			if _, err := l.Fetch(l.Context(), cache.Ref{ID: "plain/db"}); err == nil || strings.Contains(err.Error(), "xxx") {
				l.Errorf("%.10q: %v", bad, err)
			}
		}
	}, func(c *vault.Config) { c.Login = vault.Token(vault.File(file)) })
}

func TestWhatLoginsSend(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  map[string]string
		path string
		body string
	}{
		"AppRole":                     {map[string]string{"VAULT_ROLE_ID": "r", "VAULT_SECRET_ID": "s", "VAULT_AUTH_PROVIDER": "auth/team/approle/"}, "team/approle", `{"role_id":"r","secret_id":"s"}`},
		"AppRole without a secret id": {map[string]string{"VAULT_ROLE_ID": "r"}, "approle", `{"role_id":"r"}`},
		"JWT":                         {map[string]string{"VAULT_JWT": "j", "VAULT_AUTH_ROLE": "r"}, "jwt", `{"jwt":"j","role":"r"}`},
		"Kubernetes":                  {map[string]string{"VAULT_JWT": "j", "VAULT_AUTH_ROLE": "r", "VAULT_AUTH_PROVIDER": "kubernetes"}, "kubernetes", `{"jwt":"j","role":"r"}`},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(l lab) {
				l.gives("plain/db#password", "plain")
				if calls := l.server.Calls(); calls[0] != "POST auth/"+c.path+"/login" {
					t.Errorf("%v", calls)
				}
				if got := l.server.Logins(); len(got) != 1 || got[0] != c.body {
					t.Errorf("%v", got)
				}
			}, fromEnvironment(t, c.env))
		})
	}
}

// fromEnvironment takes the login from an environment.
func fromEnvironment(t *testing.T, env map[string]string) func(*vault.Config) {
	return func(cfg *vault.Config) {
		got, _, err := vault.FromEnvironment(func(name string) string { return env[name] }, cfg.Now)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Login, cfg.Grace = got.Login, got.Grace
	}
}

func TestTheAWSLoginIsASignedRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for region, host := range map[string]string{"": "sts.amazonaws.com", "eu-west-1": "sts.eu-west-1.amazonaws.com", "cn-north-1": "sts.cn-north-1.amazonaws.com.cn"} {
			env := map[string]string{
				"VAULT_AUTH_ROLE": " role ", "VAULT_IAM_SERVER_ID": "vault.test", "VAULT_STS_ENDPOINT_REGION": region,
				"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI", "AWS_SESSION_TOKEN": "session",
				"COFFER_ACCESS_KEY_ID": "other", "COFFER_SECRET_ACCESS_KEY": "other",
			}
			l := newLab(t, fromEnvironment(t, env))
			l.gives("plain/db#password", "plain")
			if calls := l.server.Calls(); calls[0] != "POST auth/aws/login" {
				t.Errorf("%v", calls)
			}
			var sent map[string]string
			if err := json.Unmarshal([]byte(l.server.Logins()[0]), &sent); err != nil {
				t.Fatal(err)
			}
			req := asSTSGetsIt(t, sent)
			if req.URL.Host != host || sent["role"] != "role" || req.Header.Get("X-Vault-AWS-IAM-Server-ID") != "vault.test" {
				t.Errorf("role %q at %s, %v", sent["role"], req.URL, req.Header)
			}
			presented, err := sigv4.Parse(req)
			if err != nil {
				t.Fatal(err)
			}
			if region == "" {
				region = "us-east-1"
			}
			var v sigv4.Verifier
			terms := sigv4.Terms{Now: time.Now(), Secret: secret.FromString("wJalrXUtnFEMI"), Region: region, Service: "sts"}
			if err := v.Verify(presented, decoded(t, sent["iam_request_body"]), terms); err != nil {
				t.Errorf("the signature: %v", err)
			}
			if !strings.Contains(req.Header.Get("Authorization"), "x-vault-aws-iam-server-id") {
				t.Error("the server's id is not signed")
			}
		}
	})
}

func TestTheAWSLoginWithARoleThatIsAssumed(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 1)
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked <- r.Form.Get("Action") + " " + r.Form.Get("RoleArn") + " " + r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>`+
			`<AccessKeyId>ASIAASSUMED</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%s</Expiration>`+
			`</Credentials></AssumeRoleResult></AssumeRoleResponse>`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	defer sts.Close()
	l := newLab(t, fromEnvironment(t, map[string]string{
		"VAULT_AUTH_ROLE": "r", "VAULT_ASSUMED_ROLE_ARN": "arn:aws:iam::123456789012:role/vault", "AWS_ENDPOINT_URL_STS": sts.URL,
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s",
	}))
	l.gives("plain/db#password", "plain")
	if got := <-asked; !strings.HasPrefix(got, "AssumeRole arn:aws:iam::123456789012:role/vault AWS4-HMAC-SHA256 Credential=AKID/") {
		t.Errorf("STS was asked %s", got)
	}
	var sent map[string]string
	if err := json.Unmarshal([]byte(l.server.Logins()[0]), &sent); err != nil {
		t.Fatal(err)
	}
	if req := asSTSGetsIt(t, sent); !strings.Contains(req.Header.Get("Authorization"), "Credential=ASIAASSUMED/") {
		t.Errorf("signed as %s", req.Header.Get("Authorization"))
	}
}

// asSTSGetsIt puts the request together as Vault does.
func asSTSGetsIt(t *testing.T, sent map[string]string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(sent["iam_http_request_method"], string(decoded(t, sent["iam_request_url"])), strings.NewReader(string(decoded(t, sent["iam_request_body"]))))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(decoded(t, sent["iam_request_headers"]), &req.Header); err != nil {
		t.Fatal(err)
	}
	req.RequestURI = "/"
	return req
}

func decoded(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAWSCredentialsThatAreMissing(t *testing.T) {
	bubble(t, func(l lab) {
		if _, err := l.Fetch(l.Context(), cache.Ref{ID: "plain/db"}); !errors.Is(err, client.ErrNoCredentials) {
			l.Errorf("%v", err)
		}
	}, fromEnvironment(t, map[string]string{"VAULT_AUTH_ROLE": "r"}))
}

func TestSettings(t *testing.T) {
	t.Parallel()
	env := map[string]string{}
	getenv := func(name string) string { return env[name] }
	if vault.Configured(getenv) {
		t.Error("configured by nothing")
	}
	env["VAULT_ADDR"] = "https://a"
	if _, _, err := vault.FromEnvironment(getenv, time.Now); !vault.Configured(getenv) || err == nil {
		t.Errorf("%v without a login", err)
	}
	env["VLE_VAULT_ADDR"], env["VAULT_TOKEN"], env["VAULT_NAMESPACE"], env["COFFER_CA_FILE"] = "https://b", "t", "n", "ca"
	env["VAULT_SKIP_VERIFY"], env["VAULT_TOKEN_EXPIRY_GRACE_PERIOD"] = "true", "soon"
	cfg, warnings, err := vault.FromEnvironment(getenv, time.Now)
	if err != nil || cfg.Address != "https://b" || cfg.Namespace != "n" || cfg.CAFile != "ca" || cfg.Grace != 0 || len(warnings) != 2 {
		t.Errorf("%+v, %q, %v", cfg, warnings, err)
	}
	env["VAULT_TOKEN_EXPIRY_GRACE_PERIOD"], env["VAULT_CACERT"] = " 1m ", "own"
	if cfg, _, _ = vault.FromEnvironment(getenv, time.Now); cfg.Grace != time.Minute || cfg.CAFile != "own" {
		t.Errorf("%+v", cfg)
	}
	delete(env, "VAULT_TOKEN")
	env["VAULT_AUTH_ROLE"], env["VAULT_AUTH_PROVIDER"] = "r", "../sys"
	if _, _, err := vault.FromEnvironment(getenv, time.Now); err == nil {
		t.Error("a mount that leads elsewhere is taken")
	}
}
