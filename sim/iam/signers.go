package iam

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"sync"
	"time"
)

// Credential returns the secret that a request must have been signed with, and who the caller is then. now is the lab's
// time. The error is an *Error: InvalidClientTokenId for a key that is unknown, inactive or comes with the wrong session
// token, and for a user who is gone (one made anew under the old name is another); ExpiredToken for a session that is
// over; ServiceFailure where the store failed.
func (s *Service) Credential(ctx context.Context, accessKeyID, sessionToken string, now time.Time) (secret string, caller Caller, err error) {
	if sessionToken == "" {
		if k, ok := s.known.signer(accessKeyID); ok {
			return k.key.Secret, k.caller, nil
		}
	}
	changes := s.known.changes()
	caller = Caller{AccessKeyID: accessKeyID}
	var key *AccessKey
	err = s.store.View(ctx, func(tx Tx) error {
		var e error
		if sessionToken != "" {
			if caller.Session, e = s.session(tx, accessKeyID, sessionToken, now); e != nil {
				return e
			}
			secret = caller.Session.Secret
			return s.sessionCaller(tx, &caller)
		}
		if key, e = s.accessKey(tx, accessKeyID); e == nil {
			secret, caller.UserID = key.Secret, key.UserID
		}
		if e != nil {
			return e
		}
		u, e := userWithID(tx, caller.UserID)
		if e != nil {
			return e
		}
		if u == nil {
			return s.refuse("InvalidClientTokenId")
		}
		caller.UserName, caller.ARN = u.Name, u.arn(s.Account())
		return nil
	})
	if err == nil {
		if key != nil {
			s.known.learn(signer{key, caller}, changes)
		}
		return secret, caller, nil
	}
	var refusal *Error
	if !errors.As(err, &refusal) {
		refusal = s.refuse("ServiceFailure")
	}
	return "", Caller{}, refusal
}

// accessKey finds the key with that ID that is in use.
func (s *Service) accessKey(tx Tx, id string) (*AccessKey, error) {
	k := &AccessKey{}
	found, err := get(tx, kindKey, id, k)
	if err == nil && (!found || k.Inactive) {
		err = s.refuse("InvalidClientTokenId")
	}
	return k, err
}

// session finds the session with that key and token. One that is presented without its token is as unknown as a key that
// is presented with one.
func (s *Service) session(tx Tx, id, token string, now time.Time) (*Session, error) {
	session := &Session{}
	found, err := get(tx, kindSession, id, session)
	switch {
	case err != nil:
		return nil, err
	case subtle.ConstantTimeCompare([]byte(tokenHash(token)), []byte(session.TokenHash)) != 1 || !found:
		return nil, s.refuse("InvalidClientTokenId")
	case !now.Before(session.Expires):
		return nil, s.refuse("ExpiredToken")
	case session.From == "":
		return session, nil
	}
	if b, err := tx.Get(kindSession, session.From); err != nil {
		return nil, err
	} else if b == nil { // who switched has signed out
		return nil, s.refuse("InvalidClientTokenId")
	}
	return session, nil
}

// tokenHash is what is kept of a session token: who reads the store cannot present it.
func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// A signer is whose an access key is.
type signer struct {
	key    *AccessKey // nobody changes it
	caller Caller
}

// signersKept bounds what is remembered. Our choice: more keys than a lab's clients have at a time.
const signersKept = 1000

// signers remembers whose the access keys of the last calls are: to read that from the store each time costs a client a
// tenth of its call. It holds only as long as nobody else writes to the store.
type signers struct {
	mu   sync.Mutex
	byID map[string]signer
	seen uint64 // how often something has changed on which they rest
}

func (s *signers) signer(id string) (signer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.byID[id]
	return k, ok
}

func (s *signers) changes() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

// learn remembers k, which was read after changes was asked for. What has changed in between may not be in it.
func (s *signers) learn(k signer, changes uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen != changes {
		return
	}
	if s.byID == nil || len(s.byID) >= signersKept {
		s.byID = map[string]signer{}
	}
	s.byID[k.caller.AccessKeyID] = k
}

func (s *signers) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen++
	s.byID = nil
}

// A watched store forgets the signers when a user or an access key is written, and the standings that rest on what is
// written, before Update returns.
type watched struct {
	Store
	known     *signers
	standings *standings
}

// Update implements Store.
func (w watched) Update(ctx context.Context, f func(Tx) error) error {
	return w.watch(ctx, w.Store.Update, f)
}

// Note implements Store.
func (w watched) Note(ctx context.Context, f func(Tx) error) error {
	return w.watch(ctx, w.Store.Note, f)
}

// watch lets write run f. An error may hide a commit that has happened, so it makes no difference.
func (w watched) watch(ctx context.Context, write func(context.Context, func(Tx) error) error, f func(Tx) error) error {
	tx := &watchedTx{}
	err := write(ctx, func(t Tx) error {
		tx.Tx = t
		return f(tx)
	})
	if tx.touched {
		w.known.forget()
	}
	if !tx.written.nothing() {
		w.standings.forget(&tx.written)
	}
	return err
}

type watchedTx struct {
	Tx
	touched bool
	written written
}

// Put implements Tx.
func (t *watchedTx) Put(kind, key string, value []byte) error {
	t.touch(kind, key)
	return t.Tx.Put(kind, key, value)
}

// Delete implements Tx.
func (t *watchedTx) Delete(kind, key string) error {
	t.touch(kind, key)
	return t.Tx.Delete(kind, key)
}

func (t *watchedTx) touch(kind, key string) {
	t.written.note(kind, key)
	switch kind {
	case kindKey, kindUser, kindUserID: // root's record never says anything else
		t.touched = true
	}
}
