package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// appendCanonical appends the canonical request. Section "Create a canonical request". It fails where the request lacks
// a header that it says was signed, or says so in a way that no signer does.
func (s Signature) appendCanonical(b []byte, r *http.Request, path, payload string) ([]byte, error) {
	b = append(b, r.Method...)
	b = append(b, '\n')
	b = append(b, path...)
	b = append(b, '\n')
	b, err := appendQuery(b, r.URL.RawQuery, s.Presigned)
	if err != nil {
		return nil, err
	}
	b = append(b, '\n')
	for i, name := range s.SignedHeaders {
		// A list out of order, or with a name twice, would let two requests share one canonical form.
		if name != strings.ToLower(name) || i > 0 && name <= s.SignedHeaders[i-1] {
			return nil, mismatch("")
		}
		values, ok := headerValues(r, name)
		if !ok {
			return nil, mismatch("")
		}
		b = append(append(b, name...), ':')
		for i, v := range values {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendTrimmed(b, v)
		}
		b = append(b, '\n')
	}
	b = append(b, '\n')
	b = append(b, strings.Join(s.SignedHeaders, ";")...)
	b = append(b, '\n')
	return append(b, payload...), nil
}

// appendStringToSign appends what the signing key signs. Section "Create a string to sign".
func (s Signature) appendStringToSign(b, canonical []byte) []byte {
	sum := sha256.Sum256(canonical)
	b = append(b, Algorithm+"\n"...)
	b = s.Time.AppendFormat(b, basicTime)
	b = append(b, '\n')
	b = append(b, s.Date+"/"+s.Region+"/"+s.Service+"/"+s.terminator+"\n"...)
	return hex.AppendEncode(b, sum[:])
}

// headerValues returns a header's values, also of those that net/http keeps elsewhere.
func headerValues(r *http.Request, name string) ([]string, bool) {
	if name == "host" {
		return []string{r.Host}, true
	}
	v, ok := r.Header[textproto.CanonicalMIMEHeaderKey(name)]
	switch {
	case ok:
	case name == "content-length" && r.ContentLength >= 0:
		return []string{strconv.FormatInt(r.ContentLength, 10)}, true
	case name == "transfer-encoding": // older botocores sign it, of uploads in chunks
		return r.TransferEncoding, len(r.TransferEncoding) > 0
	}
	return v, ok
}

// appendTrimmed appends v without the spaces around it and with every run of spaces made one.
func appendTrimmed(b []byte, v string) []byte {
	v = strings.Trim(v, " \t")
	for i := range len(v) {
		if v[i] != ' ' || v[i-1] != ' ' {
			b = append(b, v[i])
		}
	}
	return b
}

// appendQuery appends the parameters, each name and value encoded anew, in the order of the encoded ones.
func appendQuery(b []byte, raw string, presigned bool) ([]byte, error) {
	type pair struct{ name, value string }
	var pairs []pair
	for part := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(part, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			return nil, &Error{ID: "MalformedQueryString"}
		}
		if part == "" || presigned && name == "X-Amz-Signature" {
			continue
		}
		pairs = append(pairs, pair{encode(name, ""), encode(value, "")})
	}
	slices.SortFunc(pairs, func(x, y pair) int {
		if c := strings.Compare(x.name, y.name); c != 0 {
			return c
		}
		return strings.Compare(x.value, y.value)
	})
	for i, p := range pairs {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, p.name+"="+p.value...)
	}
	return b, nil
}

// encode percent-encodes every byte of v but the unreserved characters of RFC 3986 and those in keep.
func encode(v, keep string) string {
	const upperHex = "0123456789ABCDEF"
	plain := func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			strings.IndexByte("-_.~", c) >= 0 || strings.IndexByte(keep, c) >= 0
	}
	var b []byte
	for i := range len(v) {
		if c := v[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(b)
}

// paths returns the canonical paths that r may have been signed with. Every service but S3 encodes the path as sent once
// more. The specification also wants it normalised; botocore does that and aws-sdk-go-v2 does not, so both are taken.
func paths(r *http.Request, asSent bool) []string {
	sent := r.URL.EscapedPath()
	if sent == "" {
		sent = "/"
	}
	if asSent {
		return []string{sent}
	}
	normal, plain := encode(normalised(sent), "/"), encode(sent, "/")
	if normal == plain {
		return []string{normal}
	}
	return []string{normal, plain}
}

// normalised removes empty segments and dot segments (RFC 3986, Section 5.2.4) from an absolute path.
func normalised(path string) string {
	var kept []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(len(kept)-1, 0)]
		default:
			kept = append(kept, segment)
		}
	}
	out := "/" + strings.Join(kept, "/")
	if len(kept) > 0 && strings.HasSuffix(path, "/") {
		out += "/"
	}
	return out
}
