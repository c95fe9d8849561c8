// Copyright (c) 2026 The Coffer Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coffer-secrets/coffer/internal/secret"
	"github.com/coffer-secrets/coffer/internal/sigv4"
)

const (
	// maxSessionFile bounds a session's file, in bytes: two tokens of 20 KB, and little more.
	maxSessionFile = 128 << 10
	// lockPoll is the time between two attempts to get the lock.
	lockPoll = 20 * time.Millisecond
	// maxSession is the longest session of a role (STS API Reference,
	// AssumeRoleWithWebIdentity: DurationSeconds).
	maxSession = 12 * time.Hour
)

// session is what a login with an issuer has come to.
type session struct {
	login       issuerLogin
	credentials sigv4.Credentials
	expires     time.Time
	refresh     secret.Value // of length zero if the issuer gave none
}

// left returns how long the credentials are still good. Those that are good for longer
// than any can be are from a time when the clock was wrong: nobody knows about them.
func (s *session) left(now time.Time) time.Duration {
	if d := s.expires.Sub(now); d <= maxSession {
		return max(d, 0)
	}
	return 0
}

// document is what a program that credential_process names prints (AWS SDKs and Tools
// Reference Guide, "Process credential provider").
type document struct {
	Version                                    int
	AccessKeyId, SecretAccessKey, SessionToken string
	Expiration                                 time.Time
}

func (s *session) document() document {
	c := s.credentials
	return document{1, c.AccessKeyID, c.SecretAccessKey.RevealString(), c.SessionToken, s.expires.UTC().Truncate(time.Second)}
}

// sessionFile is a session on the disk.
type sessionFile struct {
	Profile      string
	Login        issuerLogin
	Credentials  document
	RefreshToken string `json:",omitempty"`
}

// sessions is the directory that has a file for each profile's session. It is the user's
// alone, and so are the files; each is there whole or not at all.
type sessions string

// userSessions returns the user's, which is made if need be.
func userSessions() (sessions, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the directory for sessions: %w", err)
	}
	dir := filepath.Join(cache, "coffer", "sessions")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return sessions(dir), os.Chmod(dir, 0o700)
}

func (d sessions) file(profile string) string { return filepath.Join(string(d), profile+".json") }

// lock has this process alone renew sessions, until unlock is called: a refresh token may
// be good for one use only.
func (d sessions) lock(ctx context.Context) (unlock func(), err error) {
	f, err := os.Open(string(d))
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("locking %s: %w", d, err), f.Close())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("waiting for %s: %w", d, context.Cause(ctx)), f.Close())
		}
	}
}

// read returns a profile's session. The error has nothing of the file in it.
func (d sessions) read(profile string) (*session, error) {
	name := d.file(profile)
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("there is no session")
	} else if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 || !ok || int(owner.Uid) != os.Geteuid() {
		return nil, fmt.Errorf("%s is not yours alone (%v): somebody else may have the session", name, info.Mode())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSessionFile+1))
	defer clear(text)
	var kept sessionFile
	if err != nil || len(text) > maxSessionFile || json.Unmarshal(text, &kept) != nil || kept.Profile != profile || kept.Credentials.AccessKeyId == "" {
		return nil, errors.Join(fmt.Errorf("%s is not a session of this profile", name), err)
	}
	c := kept.Credentials
	return &session{kept.Login, sigv4.Credentials{
		AccessKeyID: c.AccessKeyId, SecretAccessKey: secret.FromString(c.SecretAccessKey), SessionToken: c.SessionToken,
	}, c.Expiration, secret.FromString(kept.RefreshToken)}, nil
}

// write puts a profile's session in the place of the one before. It needs the lock.
func (d sessions) write(profile string, s *session) error {
	text, err := json.Marshal(sessionFile{profile, s.login, s.document(), s.refresh.RevealString()})
	if err != nil {
		return err
	}
	defer clear(text)
	return replaceFile(d.file(profile), text)
}

// remove removes a profile's session, if there is one. It needs the lock.
func (d sessions) remove(profile string) error {
	if err := os.Remove(d.file(profile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
