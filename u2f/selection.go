package u2f

import "time"

// selection implements authenticatorSelection: the user shows which of several keys is meant. See Section 6.9.
func (k *Key) selection(now time.Time, _ []byte) ([]byte, error) {
	return k.await(now, Request{Command: nameSelection}, func(time.Time) ([]byte, error) { return nil, nil })
}
