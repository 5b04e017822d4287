package iam

import "encoding/json"

// edition is the one that this package writes: 1 has policies.
const edition = 1

// administratorAccess is the policy of AWS's that allows everything.
const administratorAccess = "arn:aws:iam::aws:policy/AdministratorAccess"

// adopt brings an account up to the present edition. In an account from before there were policies everybody could do
// everything, and so its users go on to: each has AdministratorAccess attached, where anybody can see it and take it off.
// Our choice: the other one, to lock out everybody but root, whose key no lab has handed out, would end the account.
func (s *Service) adopt(tx Tx, account *Account) error {
	if account.Edition >= edition {
		return nil
	}
	records, err := tx.Scan(kindUser, "", "", 0)
	if err != nil {
		return err
	}
	for _, r := range records {
		u := &User{}
		if err := json.Unmarshal(r.Value, u); err != nil {
			return damaged(kindUser, r.Key, err)
		}
		u.Attached = []string{administratorAccess}
		if err := tx.Put(kindUsage, usageKey(administratorAccess, attachedUse, u.ID), []byte("user")); err != nil {
			return err
		}
		if err := putUser(tx, u); err != nil {
			return err
		}
	}
	account.Edition = edition
	return put(tx, kindAccount, accountKey, account)
}
