package s3

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/sigv4"
)

// A refusal is the answer that S3 gives to a request that it refuses, with the elements that only S3 has.
type refusal struct {
	answer  *iam.Error
	details []string // further elements of the answer, name and text in turn
}

// Error returns code and text.
func (e *refusal) Error() string { return e.answer.Error() }

// Unwrap returns code, status and text.
func (e *refusal) Unwrap() error { return e.answer }

// refusals is every answer that refuses: status, code and text. Known is how well the text is known: D from the S3 API
// Reference ("Error responses") or the User Guide, S seen by users, K common knowledge, O ours.
var refusals = map[string]struct {
	status      int
	code, text  string
	known, rule string
}{
	// MFA delete: AWS MFA, Section 8.
	"MFAMissing":    {403, "AccessDenied", "Mfa Authentication must be used for this request", "S", "mfa-delete"},
	"MFANotOwner":   {403, "AccessDenied", "This operation may only be performed by the bucket owner", "S", "root-only"},
	"MFASession":    {400, "InvalidRequest", "DevPay and Mfa are mutually exclusive authorization methods.", "S", "credential-kind"},
	"MFAMalformed":  {400, "InvalidArgument", "Mfa header is invalid -- the header should be formatted as {serialNumber}(space){tokenCode}", "S", "form"},
	"MFALifecycle":  {409, "InvalidBucketState", "Mfa Authentication is not supported on a bucket with lifecycle configuration. Delete lifecycle configuration before enabling Mfa Authentication.", "S", "lifecycle"},
	"LifecycleMFA":  {409, "InvalidBucketState", "Lifecycle configuration is not supported on a bucket with Mfa Authentication enabled.", "O", "lifecycle"},
	"NoVersioning":  {400, "IllegalVersioningConfigurationException", "The Versioning element must be specified", "S", "versioning"},
	"BadVersionID":  {400, "InvalidArgument", "Invalid version id specified", "S", "version"},
	"NoSuchVersion": {404, "NoSuchVersion", "The specified version does not exist.", "D", "version"},

	"NoSuchBucket":    {404, "NoSuchBucket", "The specified bucket does not exist", "D", "bucket"},
	"NoSuchKey":       {404, "NoSuchKey", "The specified key does not exist.", "D", "key"},
	"NoSuchUpload":    {404, "NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.", "D", "upload"},
	"NoSuchPolicy":    {404, "NoSuchBucketPolicy", "The bucket policy does not exist", "D", "policy"},
	"NoSuchLifecycle": {404, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist", "D", "lifecycle"},
	"BucketName":      {400, "InvalidBucketName", "The specified bucket is not valid.", "D", "bucket"},
	"BucketYours":     {409, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.", "D", "bucket"},
	"BucketNotEmpty":  {409, "BucketNotEmpty", "The bucket you tried to delete is not empty", "D", "bucket"},
	"BucketVersions":  {409, "BucketNotEmpty", "The bucket you tried to delete is not empty. You must delete all versions in the bucket.", "S", "bucket"},
	"DeleteMarker":    {405, "MethodNotAllowed", "The specified method is not allowed against this resource.", "D", "delete-marker"},
	"Method":          {405, "MethodNotAllowed", "The specified method is not allowed against this resource.", "D", "method"},
	"NotImplemented":  {501, "NotImplemented", "A header or query you provided implies functionality that is not implemented. docs/s3.md lists what there is in mfalab.", "D", "operation"},
	"KeyTooLong":      {400, "KeyTooLongError", "Your key is too long", "D", "key"},
	"InvalidURI":      {400, "InvalidURI", "Couldn't parse the specified URI.", "D", "key"},
	"Argument":        {400, "InvalidArgument", "Invalid Argument", "D", "form"},
	"MaxKeys":         {400, "InvalidArgument", "Argument maxKeys must be an integer between 0 and 2147483647", "S", "form"},
	"MalformedXML":    {400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema", "D", "form"},
	"Precondition":    {412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", "D", "condition"},
	"Part":            {400, "InvalidPart", "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.", "D", "upload"},
	"PartOrder":       {400, "InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.", "D", "upload"},
	"PartSmall":       {400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", "D", "upload"},
	"CopySelf":        {400, "InvalidRequest", "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.", "S", "copy"},

	"TooLarge":         {400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", "D", "size"},
	"Full":             {507, "InsufficientStorage", "The lab's folder of objects is full: delete some.", "O", "size"},
	"BadDigest":        {400, "BadDigest", "The Content-MD5 or checksum value that you specified did not match what the server received.", "D", "checksum"},
	"InvalidDigest":    {400, "InvalidDigest", "The Content-MD5 or checksum value that you specified is not valid.", "D", "checksum"},
	"Incomplete":       {400, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header.", "D", "body"},
	"MissingLength":    {411, "MissingContentLength", "You must provide the Content-Length HTTP header.", "D", "body"},
	"ContentHash":      {400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.", "S", "body"},
	"BadContentHash":   {400, "InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.", "S", "body"},
	"MissingHash":      {400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256", "S", "body"},
	"BadChunk":         {403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.", "S", "body"},
	"MalformedTrailer": {400, "MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.", "S", "body"},

	"Signature":       {403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.", "D", "signature"},
	"Skewed":          {403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", "D", "skew"},
	"Expired":         {403, "AccessDenied", "Request has expired", "S", "skew"},
	"Early":           {403, "AccessDenied", "Request is not yet valid", "S", "skew"},
	"UnknownKey":      {403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", "D", "credential"},
	"UnknownToken":    {400, "InvalidToken", "The provided token is malformed or otherwise invalid.", "D", "credential"},
	"ExpiredToken":    {400, "ExpiredToken", "The provided token has expired.", "D", "expiry"},
	"HeaderMalformed": {400, "AuthorizationHeaderMalformed", "The authorization header that you provided is not valid.", "D", "signature"},
	"QueryMalformed":  {400, "AuthorizationQueryParametersError", "The authorization query parameters that you provided are not valid.", "D", "signature"},
	"Internal":        {500, "InternalError", "We encountered an internal error. Please try again.", "D", "store"},
}

// refuse returns the answer with that name, with further elements.
func refuse(name string, details ...string) *refusal {
	t, ok := refusals[name]
	if !ok {
		panic("s3: internal error: no answer " + name)
	}
	return &refusal{&iam.Error{Code: t.code, Status: t.status, Message: t.text, Rule: t.rule, Section: "AWS MFA, Section 8; S3 API Reference"}, details}
}

// signatures is what S3 answers where the signature, or what came under it, is refused.
var signatures = map[string]string{"SignatureDoesNotMatch": "Signature", "SignatureScope": "HeaderMalformed", "SignatureExpired": "Skewed",
	"SignatureEarly": "Skewed", "IncompleteSignature": "HeaderMalformed", "MalformedQueryString": "InvalidURI", "InvalidClientTokenId": "UnknownKey",
	"ExpiredToken": "ExpiredToken", "MissingContentSHA256": "MissingHash", "InvalidContentSHA256": "BadContentHash", "MissingContentLength": "MissingLength",
	"ContentSHA256Mismatch": "ContentHash", "InvalidChunk": "Incomplete", "IncompleteBody": "Incomplete", "MalformedTrailer": "MalformedTrailer"}

// presigned are the answers that differ where the signature is in the query.
var presigned = map[string]string{"SignatureExpired": "Expired", "SignatureEarly": "Early", "IncompleteSignature": "QueryMalformed",
	"SignatureScope": "QueryMalformed"}

// translated returns the answer that err means in S3.
func translated(r *http.Request, err error) *refusal {
	if own, ok := errors.AsType[*refusal](err); ok {
		return own
	}
	id := ""
	if s, ok := errors.AsType[*sigv4.Error](err); ok {
		id = s.ID
	} else if e, ok := errors.AsType[*iam.Error](err); ok {
		if signatures[e.Code] == "" { // such as AccessDenied, or one of MFA
			return &refusal{e, nil}
		}
		if id = e.Code; id == "InvalidClientTokenId" && r.Header.Get("X-Amz-Security-Token")+r.URL.Query().Get("X-Amz-Security-Token") != "" {
			return refuse("UnknownToken")
		}
	}
	if name := presigned[id]; name != "" && r.URL.Query().Has("X-Amz-Signature") {
		return refuse(name)
	}
	switch name := signatures[id]; {
	case errors.Is(err, sigv4.ErrCutOff):
		return refuse("Incomplete")
	case name != "":
		return refuse(name)
	}
	return refuse("Internal")
}

// write writes the answer as XML; the answer to HEAD has no body.
func (e *refusal) write(w http.ResponseWriter, r *http.Request, id string) {
	var b bytes.Buffer
	b.WriteString(xml.Header + "<Error><Code>" + e.answer.Code + "</Code><Message>")
	_ = xml.EscapeText(&b, []byte(e.answer.Message)) // into memory
	b.WriteString("</Message>")
	for i := 0; i+1 < len(e.details); i += 2 {
		fmt.Fprintf(&b, "<%s>", e.details[i])
		_ = xml.EscapeText(&b, []byte(strings.ToValidUTF8(e.details[i+1], "?")))
		fmt.Fprintf(&b, "</%s>", e.details[i])
	}
	b.WriteString("<RequestId>" + id + "</RequestId><HostId>" + id + "</HostId></Error>")
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(e.answer.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes()) // a client that has gone is no error of ours
	}
}
