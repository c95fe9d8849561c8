// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// A canary is a text that must be nowhere but in answers.
type canary struct {
	name  string
	text  string
	forms map[string][]byte // as it could be found, by what it would be found as
}

func newCanary(name string) canary {
	c := canary{name: name, text: "canary" + rand.Text() + rand.Text()}
	raw := []byte(c.text)
	c.forms = map[string][]byte{
		"text":     raw,
		"hex":      []byte(hex.EncodeToString(raw)),
		"HEX":      []byte(strings.ToUpper(hex.EncodeToString(raw))),
		"reversed": reversed(raw),
		"UTF-16":   widened(raw),
	}
	for shift := range 3 { // base64 looks different for each place in a group of three
		for name, encoding := range map[string]*base64.Encoding{"base64": base64.StdEncoding, "base64url": base64.URLEncoding} {
			text := encoding.EncodeToString(append(make([]byte, shift), raw...))
			// What its neighbours change is left out at both ends.
			c.forms[fmt.Sprintf("%s at %d", name, shift)] = []byte(text[(shift*8+5)/6+1 : len(text)-4])
		}
	}
	return c
}

func reversed(b []byte) []byte {
	r := make([]byte, len(b))
	for i := range b {
		r[len(b)-1-i] = b[i]
	}
	return r
}

func widened(b []byte) (wide []byte) {
	for _, c := range b {
		wide = append(wide, c, 0)
	}
	return wide
}

// in returns the forms in which the canary is in data.
func (c canary) in(data []byte) (found []string) {
	for name, form := range c.forms {
		if bytes.Contains(data, form) {
			found = append(found, name)
		}
	}
	return found
}

// TestCanary stores, reads, mistreats and deletes plaintexts of all kinds in a server
// that logs all it can, and looks for them in everything that it leaves: its database,
// its audit log, its output and its metrics.
func TestCanary(t *testing.T) {
	t.Parallel()
	secret, binary, parameter, message := newCanary("a secret"), newCanary("a binary secret"), newCanary("a parameter"), newCanary("a message to KMS")
	broken, session := newCanary("what was refused"), newCanary("an access key")
	data := filepath.Join(t.TempDir(), "data")
	h := newHouseIn(t, data, "--log-level", "debug")
	session.text = h.SecretAccessKey
	session.forms = map[string][]byte{"text": []byte(session.text)}

	h.useAndMisuse(secret, binary, parameter, message, broken)
	_, metrics := h.get("/metrics")
	for round := range 2 {
		running := h.Stdout.String() + h.Stderr.String()
		h.stop(t)
		sources := map[string][]byte{"the metrics": []byte(metrics), "the output": []byte(running + h.Stdout.String() + h.Stderr.String())}
		if err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			sources[d.Name()], err = os.ReadFile(path)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for where, content := range sources {
			for _, c := range []canary{secret, binary, parameter, message, broken, session} {
				if found := c.in(content); found != nil {
					t.Errorf("%s is in %s as %v", c.name, where, found)
				}
			}
		}
		// The search itself must be able to find something.
		for _, file := range []string{"audit.log", "coffer.db"} {
			if round == 0 && !bytes.Contains(sources[file], []byte("canary-name")) {
				t.Errorf("the name is not in %s: the search looks at the wrong files", file)
			}
		}
		h.start(t)
		h.delete() // and again, with what a deletion leaves
	}
}

// TestCanaryIsFound holds that a canary is found in each of its forms, wherever in a
// longer text it is.
func TestCanaryIsFound(t *testing.T) {
	t.Parallel()
	c := newCanary("a canary")
	for shift := range 7 {
		text := []byte(strings.Repeat("-", shift) + c.text + "---")
		for name, data := range map[string][]byte{
			"text": text, "hex": []byte(hex.EncodeToString(text)), "base64": []byte(base64.StdEncoding.EncodeToString(text)),
			"base64url": []byte(base64.RawURLEncoding.EncodeToString(text)), "UTF-16": widened(text),
		} {
			if c.in(data) == nil {
				t.Errorf("behind %d bytes it is not found as %s", shift, name)
			}
		}
	}
	if c.in([]byte(strings.Repeat("nothing ", 100))) != nil {
		t.Error("it is found where it is not")
	}
}

func (h *house) useAndMisuse(secret, binary, parameter, message, broken canary) {
	h.t.Helper()
	encoded := func(c canary) string { return base64.StdEncoding.EncodeToString([]byte(c.text)) }
	h.must("secretsmanager.CreateSecret", fmt.Sprintf(`{"Name":"canary-name","ClientRequestToken":%q,"SecretString":%q}`, token("canary", 1), secret.text))
	h.must("secretsmanager.PutSecretValue", fmt.Sprintf(`{"SecretId":"canary-name","ClientRequestToken":%q,"SecretBinary":%q}`, token("canary", 2), encoded(binary)))
	for _, stage := range []string{"AWSCURRENT", "AWSPREVIOUS"} {
		h.must("secretsmanager.GetSecretValue", fmt.Sprintf(`{"SecretId":"canary-name","VersionStage":%q}`, stage))
	}
	h.must("AmazonSSM.PutParameter", fmt.Sprintf(`{"Name":"/canary-name","Value":%q,"Type":"SecureString"}`, parameter.text))
	h.must("AmazonSSM.GetParametersByPath", `{"Path":"/","WithDecryption":true}`)
	h.must("AmazonSSM.GetParameterHistory", `{"Name":"/canary-name","WithDecryption":true}`)
	key, _ := h.must("TrentService.CreateKey", `{}`).member("KeyMetadata", "KeyId").(string)
	sealed, _ := h.must("TrentService.Encrypt", fmt.Sprintf(`{"KeyId":%q,"Plaintext":%q}`, key, encoded(message))).member("CiphertextBlob").(string)
	if a := h.must("TrentService.Decrypt", fmt.Sprintf(`{"CiphertextBlob":%q}`, sealed)); a.member("Plaintext") != encoded(message) {
		h.t.Errorf("decrypted: %s", a)
	}
	// Values that are refused, in all places where an error could repeat them.
	for target, body := range map[string]string{
		"secretsmanager.PutSecretValue":       fmt.Sprintf(`{"SecretId":"canary-name","ClientRequestToken":"short","SecretString":%q}`, broken.text),
		"secretsmanager.CreateSecret":         fmt.Sprintf(`{"Name":"canary-name","ClientRequestToken":%q,"SecretString":%q}`, token("canary", 3), broken.text),
		"secretsmanager.UpdateSecret":         fmt.Sprintf(`{"SecretId":"canary-name","SecretString":%q`, broken.text),
		"secretsmanager.GetSecretValue":       fmt.Sprintf(`{"SecretId":["x"],"SecretString":%q}`, broken.text),
		"AmazonSSM.PutParameter":              fmt.Sprintf(`{"Name":"/canary-name","Value":%q,"Type":"SecureString"}`, broken.text),
		"AmazonSSM.LabelParameterVersion":     fmt.Sprintf(`{"Value":%q}`, broken.text),
		"TrentService.Encrypt":                fmt.Sprintf(`{"KeyId":"none","Plaintext":%q}`, encoded(broken)),
		"TrentService.Sign":                   fmt.Sprintf(`{"Message":%q}`, encoded(broken)),
		"secretsmanager.ValidateSomething":    broken.text,
		"secretsmanager.UpdateSecretVersionS": fmt.Sprintf(`{"a":%q}`, broken.text),
	} {
		if a := h.answered(target, body); a.Status == 200 || broken.in(a.Body) != nil {
			h.t.Errorf("%s: %s", target, a)
		}
	}
	long := strings.Repeat(broken.text, 65_536/len(broken.text)+1)
	if a := h.answered("secretsmanager.PutSecretValue", fmt.Sprintf(`{"SecretId":"canary-name","ClientRequestToken":%q,"SecretString":%q}`, token("canary", 4), long)); a.Code != "ValidationException" || broken.in(a.Body) != nil {
		h.t.Errorf("a secret that is too long: %s", a)
	}
}

func (h *house) delete() {
	h.t.Helper()
	h.answered("secretsmanager.DeleteSecret", `{"SecretId":"canary-name","ForceDeleteWithoutRecovery":true}`)
	h.answered("AmazonSSM.DeleteParameter", `{"Name":"/canary-name"}`)
}

// TestMemory looks for a secret in the server's memory after it was stored, read and
// deleted. It reports what it finds and holds nothing: Go moves and copies values as it
// likes, so what is left there can't be promised. That the buffers which are ours are
// wiped is held by the tests beside them.
func TestMemory(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("this test needs Linux, to look into another process")
	}
	secret := newCanary("a secret")
	h := newHouse(t)
	h.must("secretsmanager.CreateSecret", fmt.Sprintf(`{"Name":"a","ClientRequestToken":%q,"SecretString":%q}`, token("a", 1), secret.text))
	h.must(getSecret, `{"SecretId":"a"}`)
	h.must("secretsmanager.DeleteSecret", `{"SecretId":"a","ForceDeleteWithoutRecovery":true}`)
	for range 200 {
		h.must("secretsmanager.ListSecrets", `{}`)
	}
	count := map[string]int{}
	h.eachRegion(func(region []byte) {
		for name, form := range secret.forms {
			count[name] += bytes.Count(region, form)
		}
	})
	for name, n := range count {
		if n > 0 {
			t.Logf("as %s it is in the server's memory %d times", name, n)
		}
	}
}

// eachRegion reads the server's writable memory.
func (h *house) eachRegion(look func([]byte)) {
	h.t.Helper()
	proc := fmt.Sprintf("/proc/%d/", h.Cmd.Process.Pid)
	maps, err := os.ReadFile(proc + "maps")
	if err != nil {
		h.t.Fatal(err)
	}
	mem, err := os.Open(proc + "mem")
	if err != nil {
		h.t.Skipf("this test needs to look into another process: %v", err)
	}
	defer mem.Close()
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var mode string
		if n, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); n != 3 || err != nil || !strings.HasPrefix(mode, "rw") {
			continue
		}
		region := make([]byte, to-from)
		if n, _ := mem.ReadAt(region, from); n > 0 { // some regions can't be read
			look(region[:n])
		}
	}
}
