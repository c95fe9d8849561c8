// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// damages is how many bytes TestDamagedDatabase changes, each in a copy of its own.
const damages = 40

// TestDamagedDatabase changes single bytes of a database, each in a fresh copy. The
// server must either not start, and say why in a line or two; or, of the records that
// are hit, answer that it failed. What it serves must be what was stored.
func TestDamagedDatabase(t *testing.T) {
	t.Parallel()
	const secrets = 20
	h := newHouse(t)
	for n := range secrets {
		h.must("secretsmanager.CreateSecret", fmt.Sprintf(`{"Name":"damage/%d","ClientRequestToken":%q,"SecretString":%q}`, n, token("damage", n), valueOf("damage", n)))
	}
	h.stop(t)
	original, used := filepath.Join(h.Data, "coffer.db"), usedBytes(t, filepath.Join(h.Data, "coffer.db"))
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %d bytes in use", seed, len(used))
	random := rand.New(rand.NewPCG(seed, 0))
	refused, failed := 0, 0
	for range damages {
		at := used[random.IntN(len(used))]
		h.Data = h.copyOf(original, at, byte(1<<random.IntN(8)))
		if log := h.tryStart(); log != "" {
			refused++
			if strings.Count(log, "\n") > 3 || strings.Contains(log, "goroutine") || !strings.Contains(log, "coffer: ") {
				t.Errorf("byte %d: the server ended with\n%s", at, log)
			}
			continue
		}
		for n := range secrets {
			a := h.answered(getSecret, fmt.Sprintf(`{"SecretId":"damage/%d"}`, n))
			switch {
			case a.Status == 200 && a.member("SecretString") != valueOf("damage", n):
				t.Errorf("byte %d: secret %d is served as %s", at, n, a)
			case a.Status >= 500:
				failed++
				if !strings.Contains(h.Stderr.String(), "level=ERROR") {
					t.Errorf("byte %d: the server does not say in its log that secret %d is damaged", at, n)
				}
			case a.Status != 200:
				t.Errorf("byte %d: secret %d is answered with %s", at, n, a)
			}
		}
		h.kill(t)
	}
	t.Logf("of %d damages, %d kept the server from starting; in the others %d secrets were not served", damages, refused, failed)
	if refused == 0 {
		t.Error("no damage was found: the test hits the wrong bytes")
	}
}

// TestForgedRecords changes records as somebody would who knows the file's format, sums
// included: those, and no others, must be refused, and the server's log must say so.
func TestForgedRecords(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for n := range 4 {
		h.must(putParameter, fmt.Sprintf(`{"Name":"/forged/%d","Value":"value %d","Type":"String"}`, n, n))
	}
	h.stop(t)
	database := filepath.Join(h.Data, "coffer.db")
	forge(t, database, func(records map[string][]byte) {
		found := 0
		for key := range records {
			name, ok := strings.CutPrefix(key, "ssm/parameter/")
			switch n := name[max(0, len(name)-1):]; {
			case ok && n == "1": // one bit
				records[key][len(records[key])/2] ^= 1
				found++
			case ok && n == "2": // another's record
				records[key] = bytes.Clone(records[key[:len(key)-1]+"3"])
				found++
			}
		}
		if found != 2 {
			t.Fatalf("%d records of two parameters were found", found)
		}
	})
	h.start(t)
	for n, whole := range []bool{true, false, false, true} {
		a := h.answered("AmazonSSM.GetParameter", fmt.Sprintf(`{"Name":"/forged/%d"}`, n))
		if whole && a.member("Parameter", "Value") != fmt.Sprintf("value %d", n) || !whole && a.Status != 500 {
			t.Errorf("parameter %d: %s", n, a)
		}
	}
	if log := h.Stderr.String(); strings.Count(log, "level=ERROR") != 2 || !strings.Contains(log, "record failed authentication") {
		t.Errorf("the server's log: %s", log)
	}
}

// forge rewrites the records of a database, and sums them up anew.
func forge(t *testing.T, path string, change func(map[string][]byte)) {
	t.Helper()
	const sumBytes = 4
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(func(tx *bolt.Tx) error {
		bucket, records := tx.Bucket([]byte("data")), map[string][]byte{}
		if err := bucket.ForEach(func(k, v []byte) error {
			records[string(k)] = bytes.Clone(v[:len(v)-sumBytes])
			return nil
		}); err != nil {
			return err
		}
		change(records)
		for key, value := range records {
			sum := crc32.Checksum(append([]byte(key), value...), crc32.MakeTable(crc32.Castagnoli))
			if err := bucket.Put([]byte(key), binary.BigEndian.AppendUint32(value, sum)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// usedBytes returns the offsets of the bytes in use: those that are not zero.
func usedBytes(t *testing.T, path string) (used []int64) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range data {
		if b != 0 {
			used = append(used, int64(i))
		}
	}
	return used
}

// copyOf makes a data directory like the server's, with one bit of the database changed.
func (h *house) copyOf(original string, at int64, bit byte) string {
	h.t.Helper()
	dir := h.t.TempDir()
	for _, name := range []string{"coffer.db", "root.key", "audit.log", "audit.log.anchor"} {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(original), name))
		if err != nil {
			h.t.Fatal(err)
		}
		if name == "coffer.db" {
			data[at] ^= bit
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			h.t.Fatal(err)
		}
	}
	return dir
}

// tryStart starts the server on the data directory, or returns what it says if it does
// not start.
func (h *house) tryStart() string {
	h.t.Helper()
	for i, arg := range h.args {
		if arg == "--data" {
			h.args[i+1] = h.Data
		}
	}
	r := run(h.t, "key", "list", "--data", h.Data)
	if r.Code != 0 {
		return r.Stderr
	}
	h.start(h.t)
	return ""
}
