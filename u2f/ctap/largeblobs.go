package ctap

// A LargeBlobsRequest holds the parameters of authenticatorLargeBlobs. Nil is a parameter that is absent; an empty slice
// is one that is present and empty. See Section 6.10.2.
type LargeBlobsRequest struct {
	Get         *uint64 // 0x01, bytes
	Set         []byte  // 0x02, a fragment
	Offset      *uint64 // 0x03, bytes
	Length      *uint64 // 0x04, bytes of the whole
	UVAuthParam []byte  // 0x05 pinUvAuthParam
	Protocol    *uint64 // 0x06 pinUvAuthProtocol
}

// ParseLargeBlobsRequest reads the parameters of authenticatorLargeBlobs from canonical CBOR; unknown ones are ignored.
// It fails with ErrInvalidCBOR and ErrCBORUnexpectedType; what is missing is found later, for the command has errors of
// its own for that. The result refers to b. See Sections 6.10.2 and 8.2.
func ParseLargeBlobsRequest(b []byte) (LargeBlobsRequest, error) {
	var l LargeBlobsRequest
	r := newReader(b)
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.parameter() {
		case 0x01:
			l.Get = new(r.unsigned())
		case 0x02:
			l.Set = r.bytes()
		case 0x03:
			l.Offset = new(r.unsigned())
		case 0x04:
			l.Length = new(r.unsigned())
		case 0x05:
			l.UVAuthParam = r.bytes()
		case 0x06:
			l.Protocol = new(r.unsigned())
		default:
			r.skip()
		}
	}
	if err := r.end(); err != nil {
		return LargeBlobsRequest{}, err
	}
	return l, nil
}

// Append appends the parameters in canonical form, for [ParseLargeBlobsRequest] to read.
func (l *LargeBlobsRequest) Append(b []byte) []byte {
	var m mapBuilder
	if l.Get != nil {
		m.unsigned(0x01, *l.Get)
	}
	if l.Set != nil {
		m.bytes(0x02, l.Set)
	}
	if l.Offset != nil {
		m.unsigned(0x03, *l.Offset)
	}
	if l.Length != nil {
		m.unsigned(0x04, *l.Length)
	}
	if l.UVAuthParam != nil {
		m.bytes(0x05, l.UVAuthParam)
	}
	if l.Protocol != nil {
		m.unsigned(0x06, *l.Protocol)
	}
	return m.appendTo(b)
}

// AppendLargeBlobs appends the answer to a reading: a fragment of the array, 0x01 config.
func AppendLargeBlobs(b, fragment []byte) []byte {
	var m mapBuilder
	m.bytes(0x01, fragment)
	return m.appendTo(b)
}

// ParseLargeBlobs reads what [AppendLargeBlobs] wrote; it fails with ErrMissingParameter where there is no fragment.
func ParseLargeBlobs(b []byte) (fragment []byte, err error) {
	r := newReader(b)
	for n := r.count(majorMap); r.left(n); n-- {
		if r.parameter() == 0x01 {
			fragment = r.bytes()
		} else {
			r.skip()
		}
	}
	r.require(fragment != nil)
	return fragment, r.end()
}

// A LargeBlobInput is the input of the extension largeBlob. To authenticatorMakeCredential it is Support, to
// authenticatorGetAssertion Read, or Write with OriginalSize. See CTAP 2.3, Section 12.4.
type LargeBlobInput struct {
	Support      string // "preferred" or "required"
	Read         bool
	Write        []byte  // compressed; nil if absent
	OriginalSize *uint64 // of Write, before it was compressed
}

// ParseLargeBlobMaking reads the input to authenticatorMakeCredential. Anything but one of the two words is
// ErrInvalidCBOR.
func ParseLargeBlobMaking(value []byte) (LargeBlobInput, error) {
	l, ok := parseLargeBlob(value)
	if !ok || l.Support != "preferred" && l.Support != "required" || l.Read || l.Write != nil || l.OriginalSize != nil {
		return LargeBlobInput{}, ErrInvalidCBOR
	}
	return l, nil
}

// ParseLargeBlobAsking reads the input to authenticatorGetAssertion. Anything but either a reading or a writing with its
// size is ErrInvalidCBOR.
func ParseLargeBlobAsking(value []byte) (LargeBlobInput, error) {
	l, ok := parseLargeBlob(value)
	if !ok || l.Support != "" || l.Read == (l.Write != nil) || (l.Write != nil) != (l.OriginalSize != nil) {
		return LargeBlobInput{}, ErrInvalidCBOR
	}
	return l, nil
}

func parseLargeBlob(value []byte) (l LargeBlobInput, ok bool) {
	r := newReader(value)
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.name() {
		case "read":
			l.Read = r.boolean()
		case "write":
			l.Write = r.bytes()
		case "support":
			l.Support = r.text()
		case "originalSize":
			l.OriginalSize = new(r.unsigned())
		default:
			r.skip()
		}
	}
	return l, r.end() == nil
}

// Append appends the input in canonical form; what is absent is left out.
func (l *LargeBlobInput) Append(b []byte) []byte {
	n, body := uint64(0), []byte(nil)
	if l.Read {
		n, body = n+1, appendBool(appendText(body, "read"), true)
	}
	if l.Write != nil {
		n, body = n+1, appendBytes(appendText(body, "write"), l.Write)
	}
	if l.Support != "" {
		n, body = n+1, appendText(appendText(body, "support"), l.Support)
	}
	if l.OriginalSize != nil {
		n, body = n+1, appendShort(appendText(body, "originalSize"), majorUnsigned, *l.OriginalSize)
	}
	return append(appendShort(b, majorMap, n), body...)
}

// A LargeBlobOutput is the unsigned output of the extension largeBlob. Nil is a member that is absent. See CTAP 2.3,
// Section 12.4.
type LargeBlobOutput struct {
	Blob         []byte
	Written      *bool
	Supported    *bool
	OriginalSize uint64 // beside Blob
}

// AppendUnsigned appends unsignedExtensionOutputs that hold l alone.
func (l *LargeBlobOutput) AppendUnsigned(b []byte) []byte {
	n, body := uint64(0), []byte(nil)
	if l.Blob != nil {
		n, body = n+1, appendBytes(appendText(body, "blob"), l.Blob)
	}
	if l.Written != nil {
		n, body = n+1, appendBool(appendText(body, "written"), *l.Written)
	}
	if l.Supported != nil {
		n, body = n+1, appendBool(appendText(body, "supported"), *l.Supported)
	}
	if l.Blob != nil {
		n, body = n+1, appendShort(appendText(body, "originalSize"), majorUnsigned, l.OriginalSize)
	}
	b = appendText(appendShort(b, majorMap, 1), LargeBlob)
	return append(appendShort(b, majorMap, n), body...)
}

// ParseLargeBlobUnsigned reads unsignedExtensionOutputs, as [LargeBlobOutput.AppendUnsigned] writes them.
func ParseLargeBlobUnsigned(b []byte) (l LargeBlobOutput, err error) {
	r := newReader(b)
	for n := r.count(majorMap); r.left(n); n-- {
		if r.name() != LargeBlob {
			r.skip()
			continue
		}
		for n := r.count(majorMap); r.left(n); n-- {
			switch r.name() {
			case "blob":
				l.Blob = r.bytes()
			case "written":
				l.Written = new(r.boolean())
			case "supported":
				l.Supported = new(r.boolean())
			case "originalSize":
				l.OriginalSize = r.unsigned()
			default:
				r.skip()
			}
		}
	}
	return l, r.end()
}
