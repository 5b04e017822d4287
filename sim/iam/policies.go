package iam

import (
	"errors"
	"strings"
)

var errNoPolicy = errors.New("the policy is gone")

// managed returns the managed policy with that ARN, of the account's or of AWS's, or nil where there is none.
func (s *Service) managed(tx Tx, arn string) (*ManagedPolicy, error) {
	if p := awsPolicies[arn]; p != nil {
		return &p.ManagedPolicy, nil
	}
	p := &ManagedPolicy{}
	found, err := get(tx, kindPolicy, lower(arn[strings.LastIndexByte(arn, '/')+1:]), p)
	if err != nil || !found || p.arn(s.Account()) != arn {
		return nil, err
	}
	return p, nil
}

// documentText returns the text of a version of p.
func documentText(tx Tx, p *ManagedPolicy, version string) (string, error) {
	if a := awsPolicies[p.arn("aws")]; a != nil && a.ID == p.ID {
		return a.text, nil
	}
	b, err := tx.Get(kindDocument, p.ID+" "+version)
	if err == nil && b == nil {
		err = damaged(kindDocument, p.ID+" "+version, errNoPolicy)
	}
	return string(b), err
}

// arn returns the ARN of p in account.
func (p *ManagedPolicy) arn(account string) string {
	return "arn:aws:iam::" + account + ":policy" + p.Path + p.Name
}
