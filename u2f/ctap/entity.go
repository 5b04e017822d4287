package ctap

// PublicKey is the only type of credential there is. See Web Authentication Level 2, Section 5.8.2.
const PublicKey = "public-key"

// A RelyingParty is a PublicKeyCredentialRpEntity. See Section 6.1.
type RelyingParty struct {
	ID   string // required
	Name string
}

// A User is a PublicKeyCredentialUserEntity. See Section 6.1.
type User struct {
	ID          []byte // required, at most 64 bytes
	Name        string
	DisplayName string
}

// MaxUserID is how many bytes a user id may have. See Web Authentication Level 2, Section 5.4.3.
const MaxUserID = 64

// A CredentialParameter is a PublicKeyCredentialParameters: an algorithm that the relying party takes.
type CredentialParameter struct {
	Type string
	Alg  int64 // a COSE algorithm identifier
}

// A Descriptor is a PublicKeyCredentialDescriptor. Transports are not kept: a key has no use for them.
type Descriptor struct {
	Type string
	ID   []byte
}

// An Option is the value of an option in a request: absent, false or true.
type Option byte

// The values of an option.
const (
	Absent Option = iota
	False
	True
)

// Options are the request's options; names that are not understood are ignored. See Sections 6.1 and 6.2.
type Options struct {
	RK, UP, UV Option
}

// An Extension is one entry of the extensions map.
type Extension struct {
	Name  string
	Value []byte // as it is encoded
}

func (r *reader) relyingParty() (rp RelyingParty) {
	found := false
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.name() {
		case "id":
			rp.ID, found = r.text(), true
		case "name":
			rp.Name = r.text()
		default:
			r.skip()
		}
	}
	r.require(found)
	return rp
}

func (r *reader) user() (u User) {
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.name() {
		case "id":
			u.ID = r.bytes()
		case "name":
			u.Name = r.text()
		case "displayName":
			u.DisplayName = r.text()
		default:
			r.skip()
		}
	}
	r.require(u.ID != nil)
	if len(u.ID) > MaxUserID {
		r.fail(ErrInvalidLength)
	}
	return u
}

// require fails with ErrMissingParameter where a required member was not found.
func (r *reader) require(found bool) {
	if !found {
		r.fail(ErrMissingParameter)
	}
}

func (r *reader) descriptor() (d Descriptor) {
	typed := false
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.name() {
		case "id":
			d.ID = r.bytes()
		case "type":
			d.Type, typed = r.text(), true
		default:
			r.skip()
		}
	}
	r.require(typed && d.ID != nil)
	return d
}

// descriptors is never nil without an error. Growth is bounded by what the message holds.
func (r *reader) descriptors() []Descriptor {
	list := []Descriptor{}
	for n := r.count(majorArray); r.left(n); n-- {
		list = append(list, r.descriptor())
	}
	return list
}

func (r *reader) options() (o Options) {
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.name() {
		case "rk":
			o.RK = r.option()
		case "up":
			o.UP = r.option()
		case "uv":
			o.UV = r.option()
		default:
			r.skip()
		}
	}
	return o
}

func (r *reader) option() Option {
	if r.boolean() {
		return True
	}
	return False
}

func (r *reader) extensions() (list []Extension) {
	for n := r.count(majorMap); r.left(n); n-- {
		name := r.name()
		list = append(list, Extension{name, r.encoded()})
	}
	return list
}

func appendUser(b []byte, u *User) []byte {
	n := uint64(1)
	if u.Name != "" {
		n++
	}
	if u.DisplayName != "" {
		n++
	}
	b = appendShort(b, majorMap, n)
	b = appendBytes(appendText(b, "id"), u.ID)
	if u.Name != "" {
		b = appendText(appendText(b, "name"), u.Name)
	}
	if u.DisplayName != "" {
		b = appendText(appendText(b, "displayName"), u.DisplayName)
	}
	return b
}

func appendDescriptor(b, id []byte, kind string) []byte {
	b = appendBytes(appendText(appendShort(b, majorMap, 2), "id"), id)
	return appendText(appendText(b, "type"), kind)
}

func appendDescriptors(b []byte, list []Descriptor) []byte {
	b = appendShort(b, majorArray, uint64(len(list)))
	for _, d := range list {
		b = appendDescriptor(b, d.ID, d.Type)
	}
	return b
}

// appendOptions appends the options that are not absent; none, where the map is empty, is for the caller to leave out.
func appendOptions(b []byte, o Options) []byte {
	names, n := [...]string{"rk", "up", "uv"}, uint64(0)
	values := [...]Option{o.RK, o.UP, o.UV}
	for _, v := range values {
		if v != Absent {
			n++
		}
	}
	b = appendShort(b, majorMap, n)
	for i, v := range values {
		if v != Absent {
			b = appendBool(appendText(b, names[i]), v == True)
		}
	}
	return b
}

// appendExtensions appends the extensions in the order given, which is the caller's to keep canonical.
func appendExtensions(b []byte, list []Extension) []byte {
	b = appendShort(b, majorMap, uint64(len(list)))
	for _, e := range list {
		b = append(appendText(b, e.Name), e.Value...)
	}
	return b
}
