package live

import (
	"context"
	"fmt"
	"maps"
	"net/url"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
)

// Administrator is the user that every new lab has.
const Administrator = "admin"

// Region is the region that the lab's clients are set to. Our choice: IAM lives there whatever the region.
const Region = "us-east-1"

// Credentials are the access keys that the lab made itself, for `mfalab env`.
type Credentials struct {
	Account string         `json:"account"`
	Region  string         `json:"region"`
	Users   map[string]Key `json:"users"`
}

// A Key is an access key with its secret.
type Key struct {
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
}

// String leaves the secret out.
func (k Key) String() string { return k.AccessKeyID }

// GoString is String.
func (k Key) GoString() string { return k.String() }

// Format writes String, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// Credentials returns the access keys that the lab made itself.
func (l *Lab) Credentials(ctx context.Context) (Credentials, error) {
	var c Credentials
	err := l.Do(ctx, func(*sim.World) error {
		c = l.credents
		c.Users = maps.Clone(c.Users)
		return nil
	})
	return c, err
}

// asRoot calls the relying party as its root user would.
func (l *Lab) asRoot(ctx context.Context, action string, params ...string) (any, error) {
	return l.call(ctx, "iam", action, params...)
}

// call is asRoot for any service.
func (l *Lab) call(ctx context.Context, service, action string, params ...string) (any, error) {
	form := url.Values{}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	return l.As(ctx, l.service.RootCaller(), service, action, form)
}

// As calls the relying party as caller, now, without HTTP and signature.
func (l *Lab) As(ctx context.Context, caller iam.Caller, service, action string, form url.Values) (any, error) {
	lab, wall := l.clock.Now()
	return l.service.Do(ctx, iam.Call{Service: service, Action: action, Params: form, Caller: caller, Region: Region,
		Now: lab, Wall: wall, SourceIP: "127.0.0.1", UserAgent: "mfalab"})
}
