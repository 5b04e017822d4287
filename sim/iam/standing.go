package iam

import (
	"strings"
	"sync"

	"github.com/mfalab/mfalab/sim/iam/policy"
)

// A standing is what counts for a user or a role in every decision: its policies, those of its groups, its boundary and
// its tags. Nobody changes it.
type standing struct {
	record             string // kind, a space and key of the user's or role's record
	arn                string
	identity, boundary []policy.Attached
	tags               []principalTag
}

type principalTag struct {
	key    policy.Key
	values []string
}

// standing returns the standing of the user or role with that ID, from memory or from the store; known is what changes
// returned before the transaction began. What is remembered is forgotten in the commit that changes it, and so decisions are never
// stale, where the real service takes some seconds (troubleshoot_general, "Changes that I make are not always immediately
// visible"): a lab in which a denial might be an old one could not be tested with.
func (s *Service) standing(tx Tx, id string, known uint64) (*standing, error) {
	if w, ok := tx.(*watchedTx); ok && !w.written.nothing() {
		return s.loadStanding(tx, id) // the transaction has changed what is in memory
	}
	if st := s.standings.of(id); st != nil {
		return st, nil
	}
	st, err := s.loadStanding(tx, id)
	if err == nil {
		s.standings.learn(id, st, known)
	}
	return st, err
}

// loadStanding reads a standing from the store. Who is not there any more has no standing, and the credentials that outlived their
// user are refused as if they were none. The order in which policies are gathered shows in nothing but explanations: an explicit
// deny wins wherever it stands.
func (s *Service) loadStanding(tx Tx, id string) (*standing, error) {
	st := &standing{}
	var own holding
	var tags []Tag
	var groups []string
	if strings.HasPrefix(id, "AROA") {
		r, err := roleWithID(tx, id)
		if err != nil {
			return nil, err
		}
		if r == nil {
			return nil, s.refuse("InvalidClientTokenId")
		}
		st.record, st.arn = kindRole+" "+lower(r.Name), r.arn(s.Account())
		own, tags = r.holding, r.Tags
	} else {
		u, err := userWithID(tx, id)
		if err != nil {
			return nil, err
		}
		if u == nil {
			return nil, s.refuse("InvalidClientTokenId")
		}
		st.record, st.arn = kindUser+" "+lower(u.Name), u.arn(s.Account())
		own, tags, groups = u.holding, u.Tags, u.Groups
	}
	for _, t := range tags {
		st.tags = append(st.tags, principalTag{policy.PrincipalTag(t.Key), []string{t.Value}})
	}
	var err error
	if st.identity, err = s.policiesOf(tx, id, own); err != nil {
		return nil, err
	}
	if st.boundary, err = s.boundaryOf(tx, own); err != nil {
		return nil, err
	}
	for _, group := range groups {
		g, err := groupWithID(tx, group)
		if err != nil {
			return nil, err
		}
		if g == nil {
			continue
		}
		shared, err := s.policiesOf(tx, g.ID, g.holding)
		if err != nil {
			return nil, err
		}
		st.identity = append(st.identity, shared...)
	}
	return st, nil
}

// policiesOf returns the inline and the attached policies of a user, group or role.
func (s *Service) policiesOf(tx Tx, id string, h holding) ([]policy.Attached, error) {
	records, err := tx.Scan(kindDocument, id+" ", "", 0)
	if err != nil {
		return nil, err
	}
	var out []policy.Attached
	for _, r := range records {
		d, err := s.parsed(policy.Identity, string(r.Value))
		if err != nil {
			return nil, damaged(kindDocument, r.Key, err)
		}
		out = append(out, policy.Attached{Name: strings.TrimPrefix(r.Key, id+" "), Document: d})
	}
	for _, arn := range h.Attached {
		a, err := s.attached(tx, policy.Identity, arn)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// boundaryOf returns the permissions boundary, nil where there is none.
func (s *Service) boundaryOf(tx Tx, h holding) ([]policy.Attached, error) {
	if h.Boundary == "" {
		return nil, nil
	}
	a, err := s.attached(tx, policy.Boundary, h.Boundary)
	return []policy.Attached{a}, err
}

// attached returns the default version of a managed policy, the one that counts: others are there to be gone back to. A policy
// that is attached and not there is damage, since one in use cannot be deleted.
func (s *Service) attached(tx Tx, kind policy.Kind, arn string) (policy.Attached, error) {
	p, err := s.managed(tx, arn)
	if err != nil {
		return policy.Attached{}, err
	}
	if p == nil {
		return policy.Attached{}, damaged(kindPolicy, arn, errNoPolicy)
	}
	text, err := documentText(tx, p, p.Default)
	if err != nil {
		return policy.Attached{}, err
	}
	d, err := s.parsed(kind, text)
	if err != nil {
		return policy.Attached{}, damaged(kindDocument, p.ID, err)
	}
	return policy.Attached{Name: arn, Document: d}, nil
}

// Our choices: more than a lab's callers and their policies, and a bound on memory.
const (
	standingsKept = 10000
	documentsKept = 20000
)

// documents remembers documents that were parsed, by their text: many users have the same.
type documents struct {
	mu    sync.Mutex
	byKey map[documentKey]*policy.Document
}

// documentKey is the kind, too: the same text may be good in one place and refused in another.
type documentKey struct {
	kind policy.Kind
	text string
}

// parsed is policy.Parse with a memory. Two that miss the same document at once parse it twice, which is cheaper than to let one
// wait under the lock; documents are never changed, and so it does not matter whose is kept.
func (s *Service) parsed(kind policy.Kind, text string) (*policy.Document, error) {
	key := documentKey{kind, text}
	s.documents.mu.Lock()
	d := s.documents.byKey[key]
	s.documents.mu.Unlock()
	if d != nil {
		return d, nil
	}
	d, err := policy.Parse(kind, text)
	if err != nil {
		return nil, err
	}
	s.documents.mu.Lock()
	defer s.documents.mu.Unlock()
	if s.documents.byKey == nil || len(s.documents.byKey) >= documentsKept {
		s.documents.byKey = map[documentKey]*policy.Document{}
	}
	s.documents.byKey[key] = d
	return d, nil
}

// standings remembers the standings of the last callers: to read one from the store each time costs as much as the rest of
// the call. They hold only as long as nobody else writes to the store.
type standings struct {
	mu       sync.Mutex
	byID     map[string]*standing
	byRecord map[string]string // the ID
	seen     uint64            // how often something has changed on which they rest
}

// of returns what is remembered of a user or role, nil for nothing.
func (s *standings) of(id string) *standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[id]
}

// changes counts what has happened to the records that standings rest on: who reads a standing notes it first.
func (s *standings) changes() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

// learn remembers st, which was read after changes was asked for. What has changed in between may not be in it.
func (s *standings) learn(id string, st *standing, changes uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen != changes {
		return
	}
	if s.byID == nil || len(s.byID) >= standingsKept {
		s.byID, s.byRecord = map[string]*standing{}, map[string]string{}
	}
	s.byID[id], s.byRecord[st.record] = st, id
}

// forget drops what rests on what a transaction has written. Of groups and managed policies nobody keeps who has them: they change
// seldom, and then all is forgotten.
func (s *standings) forget(w *written) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen++
	if w.shared {
		s.byID = nil
		return
	}
	for _, record := range w.holders {
		delete(s.byID, s.byRecord[record])
	}
	for _, id := range w.ids {
		delete(s.byID, id)
	}
}

// written is what a transaction has written on which standings rest.
type written struct {
	shared  bool     // what many have: a group, a managed policy
	holders []string // records of users and roles: kind, a space, key
	ids     []string // of users and roles whose inline policies were written
}

func (w *written) nothing() bool { return !w.shared && len(w.holders) == 0 && len(w.ids) == 0 }

// note takes down that a record is written.
func (w *written) note(kind, key string) {
	switch kind {
	case kindUser, kindRole:
		w.holders = append(w.holders, kind+" "+key)
	case kindGroup, kindPolicy:
		w.shared = true
	case kindDocument:
		id, _, _ := strings.Cut(key, " ")
		if strings.HasPrefix(id, "AIDA") || strings.HasPrefix(id, "AROA") {
			w.ids = append(w.ids, id)
		} else {
			w.shared = true
		}
	}
}
