package u2f

import (
	"github.com/mfalab/mfalab/u2f/ctap"
)

// A slot is how a key holds a credential that lies in flash while it has power: what has a length of its own lies in one piece,
// so that 10,000 of them are little work for the garbage collector.
type slot struct {
	id       [credentialIDSize]byte
	rpIDHash [32]byte
	created  uint64
	size     uint64    // of blob, before it was compressed
	packed   string    // the user's id and names, credBlob, the public key, the wrapped private key and the RP ID
	ends     [6]uint32 // of each of these but the last
	blob     []byte
	foreign  *foreign // nil of one that the key made
	backedUp bool
	count    uint32
}

// pack returns r as it is held.
func (r *resident) pack() slot {
	s := slot{id: r.id, rpIDHash: r.rpIDHash, created: r.created, size: r.size, blob: r.blob, foreign: r.foreign,
		backedUp: r.backedUp, count: r.count}
	packed := make([]byte, 0, len(r.user.ID)+len(r.user.Name)+len(r.user.DisplayName)+len(r.credBlob)+len(r.public)+len(r.wrapped)+len(r.rpID))
	for i, part := range [...]string{string(r.user.ID), r.user.Name, r.user.DisplayName, string(r.credBlob), string(r.public), string(r.wrapped)} {
		packed = append(packed, part...)
		s.ends[i] = uint32(len(packed))
	}
	s.packed = string(append(packed, r.rpID...))
	return s
}

func (s *slot) userID() string { return s.packed[:s.ends[0]] }
func (s *slot) protect() byte  { return s.id[2] }
func (s *slot) rpID() string   { return s.packed[s.ends[5]:] }

// credential returns what its id says, and what only flash knows.
func (s *slot) credential() credential {
	c := decode(s.id, s.rpIDHash)
	c.foreign, c.backedUp = s.foreign, s.backedUp
	c.user = ctap.User{ID: []byte(s.userID()), Name: s.packed[s.ends[0]:s.ends[1]], DisplayName: s.packed[s.ends[1]:s.ends[2]]}
	if s.ends[3] > s.ends[2] {
		c.credBlob = []byte(s.packed[s.ends[2]:s.ends[3]])
	}
	if s.ends[5] > s.ends[4] {
		c.wrapped = []byte(s.packed[s.ends[4]:s.ends[5]])
	}
	return c
}

// resident returns all of it.
func (s *slot) resident() resident {
	r := resident{credential: s.credential(), rpID: s.rpID(), created: s.created, blob: s.blob, size: s.size, count: s.count}
	if s.ends[4] > s.ends[3] {
		r.public = []byte(s.packed[s.ends[3]:s.ends[4]])
	}
	return r
}

// decode returns what a credential id says that is known to be this key's own.
func decode(id [credentialIDSize]byte, rpIDHash [32]byte) credential {
	return credential{id: id, rpIDHash: rpIDHash, alg: algorithmOf(id[1]), protect: id[2], flags: id[3],
		resident: id[3]&flagResident != 0, hmacSecret: id[3]&flagHMACSecret != 0, u2f: id[3]&flagU2F != 0}
}
