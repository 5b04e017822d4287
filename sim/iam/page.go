package iam

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// Our choices about lists.
const (
	// defaultMaxItems is also what the real service documents.
	defaultMaxItems = 100
	// scanBatch is how many records are read from the store at a time.
	scanBatch = 256
)

// A list writes its members inside an element of its own, which is there when the list is empty, too.
type list[T any] struct {
	Members []T `xml:"member"`
}

// tail ends every answer to a List operation.
type tail struct {
	IsTruncated bool
	Marker      string `xml:",omitempty"`
}

// stamp returns t as answers write it, "" for the zero time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// page returns the page of items that the call's Marker and MaxItems ask for. The items come in ascending order of their
// keys; a marker names the key last handed out, so that what is added or removed between two pages moves nothing else.
func page[T any](o *operating, items []T, key func(T) string) ([]T, tail, error) {
	p, err := o.newPager()
	if err != nil {
		return nil, tail{}, err
	}
	var out []T
	for _, v := range items {
		if p.past(key(v)) {
			if p.full(len(out)) {
				break
			}
			out, p.last = append(out, v), key(v)
		}
	}
	end, err := p.end()
	return out, end, err
}

// scanPage is page over the records of a kind; item says what a record is in the list and whether it belongs there.
func scanPage[T any](o *operating, kind string, item func(Record) (T, bool, error)) ([]T, tail, error) {
	p, err := o.newPager()
	if err != nil {
		return nil, tail{}, err
	}
	out, err := walk(p, kind, nil, item)
	if err != nil {
		return nil, tail{}, err
	}
	end, err := p.end()
	return out, end, err
}

// walk appends to out what of the records of a kind is on the page of p.
func walk[T any](p *pager, kind string, out []T, item func(Record) (T, bool, error)) ([]T, error) {
	for from, more := p.after, true; more && !p.truncated; {
		records, err := p.o.Scan(kind, "", from, scanBatch)
		if err != nil {
			return nil, err
		}
		more = len(records) == scanBatch
		for _, r := range records {
			from = r.Key
			if !p.past(r.Key) {
				continue
			}
			v, belongs, err := item(r)
			if err != nil {
				return nil, err
			}
			if !belongs {
				continue
			}
			if p.full(len(out)) {
				break
			}
			out, p.last = append(out, v), r.Key
		}
	}
	return out, nil
}

// A pager walks a list from a marker on.
type pager struct {
	o         *operating
	max       int
	after     string // the key that the marker names; "" at the list's beginning
	digest    string // what the marker says of a key that is not ASCII; "" once the walk has passed that key
	last      string // the key handed out last
	truncated bool
}

// newPager reads Marker and MaxItems. The marker is believed only with its proof: the real service refuses what it did not
// make, and a client that builds markers of its own should learn so here.
func (o *operating) newPager() (*pager, error) {
	p := &pager{o: o, max: defaultMaxItems}
	if n := o.param("MaxItems"); n != "" {
		max, err := strconv.Atoi(n)
		if err != nil {
			return nil, o.refuse("MalformedNumber", "MaxItems")
		}
		p.max = max
	}
	if marker := o.param("Marker"); marker != "" {
		var ok bool
		if p.after, p.digest, ok = o.parseMarker(marker); !ok {
			return nil, o.refuse("InvalidMarker")
		}
	}
	return p, nil
}

// past reports whether a key is beyond the marker.
func (p *pager) past(key string) bool {
	if p.digest != "" {
		if digest(key) == p.digest {
			p.digest = ""
		}
		return false
	}
	return p.after == "" || key > p.after
}

// full reports whether a page of n items has no room, and remembers that there was one more.
func (p *pager) full(n int) bool {
	p.truncated = n == p.max
	return p.truncated
}

// end returns the end of the answer. A digest of what has been removed leads nowhere.
func (p *pager) end() (tail, error) {
	switch {
	case p.digest != "":
		return tail{}, p.o.refuse("InvalidMarker")
	case !p.truncated:
		return tail{}, nil
	default:
		return tail{IsTruncated: true, Marker: p.o.marker(p.last)}, nil
	}
}

// marker returns the marker that names key: a proof that this account made it for this operation, a sign, and the key
// itself. A key that is not ASCII, which only tags have, could be too long for a marker's 320 characters and stands there
// as its digest.
func (o *operating) marker(key string) string {
	rest := "." + key
	if strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		rest = "~" + digest(key)
	}
	return o.proof(rest) + rest
}

// parseMarker is the inverse of marker; ok is false where marker made no such thing for this operation.
func (o *operating) parseMarker(m string) (after, digest string, ok bool) {
	const proof = 8
	if len(m) <= proof+1 || m[:proof] != o.proof(m[proof:]) {
		return "", "", false
	}
	if m[proof] == '~' {
		return "", m[proof+1:], true
	}
	return m[proof+1:], "", true
}

// proof returns what only this account can say of the rest of a marker.
func (o *operating) proof(rest string) string {
	return base64.RawURLEncoding.EncodeToString(o.chance().Derive("iam", "marker", o.Action, rest).Bytes(6))
}

func digest(key string) string {
	sum := sha256.Sum256([]byte(key))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
