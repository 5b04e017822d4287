package iam

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mfalab/mfalab/sim"
)

// A Snapshot is every record of an account, by kind and key: the relying party's part of a saved lab. It holds the
// secrets of every key and device.
type Snapshot map[string]map[string]string

// kinds is every kind of record, in the order in which they are written. A kind that is missing here would be left out of what people
// save and stay behind when they load: whoever adds one adds it here.
var kinds = append([]string{kindAccount, kindUser, kindUserID, kindKey, kindSession, kindDevice, kindCredential, kindCeremony,
	kindSignIn, kindMessage, kindGrave, kindThrottle, kindGroup, kindGroupID, kindMember, kindRole, kindRoleID, kindPolicy, kindDocument,
	kindUsage, kindSSHKey, kindCertificate, kindServiceCredential, kindTrail}, kindsBeside...)

// Check reports what makes s unfit to be restored, nil where nothing does. A kind that is not known comes from a later mfalab: to
// drop its records would restore another account than was saved.
func (s Snapshot) Check() error {
	for kind := range s {
		if !slices.Contains(kinds, kind) {
			return fmt.Errorf("this saved account has records of a kind %q that this mfalab does not know", kind)
		}
	}
	for _, key := range []string{accountKey, rootKey} {
		if s[kindAccount][key] == "" {
			return errors.New("this saved account is damaged: the record of its " + key + " is missing")
		}
	}
	return nil
}

// Snapshot returns every record of the account, at one instant.
func (s *Service) Snapshot(ctx context.Context) (Snapshot, error) {
	snap := Snapshot{}
	return snap, s.store.View(ctx, func(tx Tx) error {
		for _, kind := range kinds {
			records, err := tx.Scan(kind, "", "", 0)
			if err != nil {
				return err
			}
			if len(records) == 0 {
				continue
			}
			snap[kind] = make(map[string]string, len(records))
			for _, r := range records {
				snap[kind][r.Key] = string(r.Value)
			}
		}
		return nil
	})
}

// Restore replaces every record of the account by those of snap in one transaction; chance gives what is made from then
// on. A nil snap makes the account new, at now. A snap of another account
// brings that account's number.
func (s *Service) Restore(ctx context.Context, snap Snapshot, chance sim.Chance, now time.Time) error {
	from := origin{chance, s.Account()}
	account := &Account{}
	if snap != nil {
		if err := snap.Check(); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(snap[kindAccount][accountKey]), account); err != nil {
			return fmt.Errorf("this saved account is damaged: %w", err)
		}
		from.number = account.ID
	}
	err := s.store.Update(ctx, func(tx Tx) error {
		if err := wipe(tx); err != nil {
			return err
		}
		if snap == nil {
			return s.found(tx, now)
		}
		for _, kind := range kinds {
			for key, value := range snap[kind] {
				if err := tx.Put(kind, key, []byte(value)); err != nil {
					return err
				}
			}
		}
		return s.adopt(tx, account)
	})
	if err == nil {
		s.origin.Store(&from)
		s.standings.forget(&written{shared: true})
		s.events.restart()
		s.known.forget() // who asked in between was told the old account's number
	}
	return err
}

// wipe removes every record of the account.
func wipe(tx Tx) error {
	for _, kind := range kinds {
		records, err := tx.Scan(kind, "", "", 0)
		if err != nil {
			return err
		}
		for _, r := range records {
			if err := tx.Delete(kind, r.Key); err != nil {
				return err
			}
		}
	}
	return nil
}
