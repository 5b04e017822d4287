package iam

import "context"

// A Store keeps the account's records. Two kinds of one lab may share a store only through its transactions.
type Store interface {
	// View runs f on one consistent snapshot, also while an Update is open. Writing through its Tx is an error.
	View(ctx context.Context, f func(Tx) error) error
	// Update runs f alone: no other Update runs between its first read and its commit. An error from f undoes all that f
	// wrote and is returned as it is. When Update returns nil, what f wrote survives the loss of power (in a store that
	// keeps anything at all). A store that has to retry may run f more than once. A context that ends inside f undoes the
	// Update. f must not call Update.
	Update(ctx context.Context, f func(Tx) error) error
	// Note is Update, only that what f wrote need not have reached the disk when it returns: it survives the end of the
	// program, and the loss of power from the next Update on that returned nil. It is for records of what changed nothing.
	Note(ctx context.Context, f func(Tx) error) error
	// Close releases the store; every later call gives fs.ErrClosed, a second Close too.
	Close() error
}

// A Tx reads and writes records inside one transaction. It is of no use after its function has returned.
type Tx interface {
	// Get returns the value of a record, nil where there is none; an empty value is not nil. The caller may change what it
	// gets.
	Get(kind, key string) ([]byte, error)
	// Put writes a record; the value is copied. An empty kind or key is an error.
	Put(kind, key string, value []byte) error
	// Delete removes a record; one that is not there is no error.
	Delete(kind, key string) error
	// Scan returns the records of a kind whose keys begin with prefix and are greater than after, in ascending order of
	// bytes, at most limit of them; a limit of zero or less means all.
	Scan(kind, prefix, after string, limit int) ([]Record, error)
}

// Numbered is the kind of the records that come one after another, each under the next number: their keys are numbers of 16
// hexadecimal digits, and a store may keep them apart from all others.
const Numbered = kindTrail

// A Record is one key and its value, as Scan returns them.
type Record struct {
	Key   string
	Value []byte
}
