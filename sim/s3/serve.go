package s3

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/policy"
)

// Account is the relying party whose buckets these are; *iam.Service is one.
type Account interface {
	// Account returns the account's 12-digit number.
	Account() string
	// Beside lets a call use the account's store, devices and journal.
	Beside(ctx context.Context, call iam.Call, params []iam.Fact, told iam.Told, f func(*iam.Beside) error) error
	// Authorize decides a request by the policies of its caller and of the resource; the error is an *iam.Error.
	Authorize(ctx context.Context, r iam.Request) (policy.Decision, error)
}

// A Service is the account's S3. It may be used by many goroutines.
type Service struct {
	account Account
	folder  *Folder
}

// New returns the S3 of an account, whose objects' contents lie in folder.
func New(account Account, folder *Folder) *Service { return &Service{account, folder} }

// Sweep removes contents that no record names: what a loss of power, a reset or a load has left. No call may be under way.
func Sweep(ctx context.Context, store iam.Store, folder *Folder) error {
	var named map[string]bool
	err := store.View(ctx, func(tx iam.Tx) (err error) {
		named, err = contents(tx)
		return err
	})
	if err != nil {
		return err
	}
	return folder.keepOnly(named)
}

// A request is one call on its way.
type request struct {
	*Service
	ctx         context.Context
	w           http.ResponseWriter
	r           *http.Request
	call        iam.Call
	query       url.Values
	bucket, key string
	beside      *iam.Beside
	asked       map[string]any // what the trail says that was asked for
	b           *bucket        // as it was when the call began; nil for a call that needs none
}

// ServeCall answers a request whose signature has been checked, or refuses the one that err speaks of. The caller of an
// unsigned request is the zero Caller. The request's body gives what the signature covers.
func (s *Service) ServeCall(w http.ResponseWriter, r *http.Request, call iam.Call, err error) {
	w.Header().Set("X-Amz-Request-Id", call.RequestID)
	w.Header().Set("X-Amz-Id-2", call.RequestID)
	w.Header().Set("Server", "AmazonS3")
	if err == nil {
		err = s.serve(w, r, call)
	}
	if err == nil {
		return
	}
	answer := translated(r, err)
	if fields := strings.Fields(r.Header.Get(mfaHeader)); answer.answer.Code == "NotDeviceOwnerError" && len(fields) == 2 {
		said := *answer.answer // the record has no code in it
		said.Message = strings.ReplaceAll(said.Message, "{token}", fields[1])
		answer = &refusal{&said, answer.details}
	}
	answer.write(w, r, call.RequestID)
}

// serve decides one request. What is refused before the operation is known (a key that is no UTF-8, a sub-resource
// that the lab has not) leaves no record: there is no action that it could name.
func (s *Service) serve(w http.ResponseWriter, r *http.Request, call iam.Call) error {
	q := &request{Service: s, ctx: r.Context(), w: w, r: r, call: call}
	var err error
	if q.query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		return refuse("InvalidURI")
	}
	if q.bucket, q.key = target(r); !utf8.ValidString(q.key) || strings.ContainsAny(q.key, "\x00\x01") {
		return refuse("InvalidURI")
	}
	if len(q.key) > maxKey {
		return refuse("KeyTooLong", "MaxSizeAllowed", "1024")
	}
	op := q.operation()
	if op == nil {
		return refuse("NotImplemented")
	}
	q.call.Service, q.call.Action = "s3", op.name
	return s.account.Beside(q.ctx, q.call, q.params(), q.told(op), func(b *iam.Beside) error {
		q.beside = b
		return q.decide(op)
	})
}

// maxKey is the longest key in bytes: Amazon S3 User Guide, "Naming Amazon S3 objects".
const maxKey = 1024

// minSerial is the length of the shortest serial number: API_EnableMFADevice. What is shorter where one belongs is a code
// more often than not, on the wrong side of the space.
const minSerial = 9

// params are what the journal says of the call: never a code.
func (q *request) params() []iam.Fact {
	var list []iam.Fact
	for _, p := range [][2]string{{"Bucket", q.bucket}, {"Key", q.key}, {"VersionId", q.query.Get("versionId")}} {
		if p[1] != "" {
			list = append(list, iam.Fact{Name: p[0], Value: p[1]})
		}
	}
	if serial, _, ok := parseMFA(q.r.Header.Values(mfaHeader)); ok && len(serial) >= minSerial {
		list = append(list, iam.Fact{Name: "SerialNumber", Value: serial})
	}
	return list
}

// decide runs an operation that the caller's and the bucket's policies allow.
func (q *request) decide(op *operation) error {
	if q.bucket != "" && op.name != "CreateBucket" {
		err := q.beside.View(q.ctx, func(tx iam.Tx) (err error) {
			q.b, err = bucketNamed(tx, q.bucket)
			return err
		})
		if err != nil {
			return err
		}
	}
	if action := op.action; action != "" {
		if id := q.query.Get("versionId"); id != "" && versioned[action] {
			action += "Version"
		}
		if err := q.allow(action, q.arn()); err != nil {
			return err
		}
	}
	return op.run(q)
}

// versioned are the actions that have one of their own for a version: Service Authorization Reference, "Actions defined by
// Amazon S3".
var versioned = map[string]bool{"s3:GetObject": true, "s3:DeleteObject": true}

// arn is what the request is about.
func (q *request) arn() string {
	switch {
	case q.bucket == "":
		return "*"
	case q.key == "":
		return "arn:aws:s3:::" + q.bucket
	}
	return "arn:aws:s3:::" + q.bucket + "/" + q.key
}

// allow asks the policies.
func (q *request) allow(action, arn string) error {
	r := iam.Request{Caller: q.call.Caller, Action: action, Resource: arn, Shown: `"` + arn + `"`, Now: q.call.Now, SourceIP: q.call.SourceIP,
		UserAgent: q.call.UserAgent, Region: q.call.Region, Secure: q.r.TLS != nil, Set: q.know}
	if q.b != nil && q.b.Policy != "" {
		d, err := policy.Parse(policy.Resource, q.b.Policy)
		if err != nil {
			return err
		}
		r.ResourcePolicies = []policy.Attached{{Name: q.b.Name, Document: d}}
	}
	decision, err := q.account.Authorize(q.ctx, r)
	if err != nil {
		q.beside.Fact("policy", decision.String())
	}
	return err
}

// know sets the keys of S3: Service Authorization Reference, "Condition keys for Amazon S3".
func (q *request) know(c *policy.Context) {
	for name, key := range map[string]policy.Key{"prefix": policy.S3Prefix, "versionId": policy.S3VersionID, "delimiter": "s3:delimiter",
		"max-keys": "s3:max-keys"} {
		if q.query.Has(name) {
			c.Set(key, q.query.Get(name))
		}
	}
}

// serviceHost matches the names of S3 itself; what stands before them is a bucket's. Amazon S3 User Guide, "Virtual hosting
// of buckets"; the loopback forms are ours.
var serviceHost = regexp.MustCompile(`^(?:(.+)\.)?(?:s3(?:-fips|\.dualstack)?(?:[.-](?:dualstack\.)?[a-z]{2}(?:-[a-z]{1,16}){1,3}-\d{1,2})?\.amazonaws\.com(?:\.cn)?|(?:s3\.)?localhost)$`)

// target returns the bucket and the key that a request is about, in either style.
func target(r *http.Request) (bucket, key string) {
	host := strings.ToLower(r.Host)
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	path := strings.TrimPrefix(r.URL.Path, "/")
	if m := serviceHost.FindStringSubmatch(strings.TrimSuffix(host, ".")); m != nil && m[1] != "" {
		return m[1], path
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

// now is the lab's time as S3 gives it.
func (q *request) now() time.Time { return q.call.Now.UTC().Truncate(time.Millisecond) }

// change runs f in a transaction on the bucket as it is then; where need says so only with a code of root's device. What f
// returns besides are contents that nobody names any more.
func (q *request) change(need func(*bucket) bool, f func(r *iam.Records, b *bucket) ([]string, error)) error {
	var gone []string
	with := need(q.b)
	body := func(r *iam.Records) error {
		b, err := bucketNamed(r, q.bucket)
		if err != nil {
			return err
		}
		if need(b) && !with {
			return refuse("MFAMissing") // it became so a moment ago
		}
		gone, err = f(r, b)
		return err
	}
	var err error
	if with {
		var serial, code string
		if serial, code, err = q.mfa(); err == nil {
			err = q.beside.UpdateWithDevice(q.ctx, serial, code, body)
		}
	} else {
		err = q.beside.Update(q.ctx, body)
	}
	if err == nil {
		q.folder.remove(gone...)
	}
	return err
}

// freely is for changes that need no code.
func freely(*bucket) bool { return false }
