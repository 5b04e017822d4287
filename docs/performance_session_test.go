package docs_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver of the limit

	"github.com/mfalab/mfalab/sim/endpoint"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/token"
)

var sessionFigures = []figure{{
	what:    "GetSessionToken with a code, over HTTP, signed, stored durably, one client",
	against: "bare one-row durable commits",
	bound:   atLeast(0.4, "0.4x"),
	show:    perSecond,
	how: "A live lab, as `mfalab up` serves it: the endpoint on loopback, Signature Version 4, the account in SQLite and the journal\n" +
		"in its file. One client with one kept connection presses a fob, signs with the AWS SDK's signer, asks and reads the\n" +
		"answer, which is all timed; between two calls the clock goes on by 30 seconds, so that each has a fresh code and changes\n" +
		"the device, the access key and the account and adds a session. Against `UPDATE`s of one row of 300 bytes, each a\n" +
		"transaction, by the same driver in a file of the same kind (WAL, `synchronous=FULL`) beside it.",
	measure: sessions,
}}

func sessions(t *testing.T) measured {
	o := openOffice(t)
	file := bareFile(t)
	m := measured{samples: alternately(t,
		func(b *testing.B) {
			for b.Loop() {
				o.login(b)
			}
		},
		func(b *testing.B) {
			for n := 0; b.Loop(); n++ {
				_, err := file.ExecContext(b.Context(), "UPDATE record SET value = ?1 WHERE key = 1", fmt.Appendf(nil, "%0300d", n))
				require.NoError(b, err)
			}
		})}
	for i, s := range m.samples {
		m.samples[i] = sample{1e9 / s.value, 1e9 / s.limit}
	}
	took, bare, _ := m.reading()
	m.aside = fmt.Sprintf("A call took %s, a commit %s.", span(1e9/took), span(1e9/bare))
	return m
}

// bareFile opens a connection to a new file with one row, as durable as the lab's own store.
func bareFile(t *testing.T) *sql.Conn {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "bare.db")+
		"?_pragma=journal_mode(wal)&_pragma=synchronous(full)")
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	file, err := db.Conn(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	_, err = file.ExecContext(t.Context(), "CREATE TABLE record (key INTEGER PRIMARY KEY, value BLOB); INSERT INTO record VALUES (1, '')")
	require.NoError(t, err)
	return file
}

// An office is a live lab with a fob enrolled for its administrator, and a client. The wall clock that it goes by stands
// until the client moves it.
type office struct {
	client
	fob *token.Fob
	now atomic.Int64 // the wall's time in Unix nanoseconds
}

const serial = "GAHT00000001"

func (o *office) wall() time.Time { return time.Unix(0, o.now.Load()).UTC() }

func openOffice(t *testing.T) *office {
	o := &office{}
	o.now.Store(birth.UnixNano())
	lab, err := live.Open(t.Context(), live.Options{Dir: t.TempDir(), Seed: "performance", Wall: o.wall})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lab.Close()) })
	ppm := 0.0
	_, err = lab.NewFob(t.Context(), live.FobSpec{Serial: serial, Seed: live.Seed(seed), PPM: &ppm})
	require.NoError(t, err)
	profile, err := token.ProfileNamed(live.DefaultProfile)
	require.NoError(t, err)
	// The client has its own fob with the seed of the lab's: it works as long as the world that it is in.
	o.fob, err = token.NewFob(token.Config{Profile: profile, Serial: serial, Seed: seed, Born: birth})
	require.NoError(t, err)
	keys, err := lab.Credentials(t.Context())
	require.NoError(t, err)
	o.client = newClient(serve(t, lab), keys.Users[live.Administrator])
	first, second := o.press(), o.press()
	o.ask(t, o.wall(), "iam", "EnableMFADevice", "UserName", live.Administrator, "SerialNumber", serial,
		"AuthenticationCode1", first, "AuthenticationCode2", second)
	return o
}

// serve puts lab on a port of loopback, as `mfalab up` does.
func serve(t *testing.T, lab *live.Lab) (url string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	handler := endpoint.New(endpoint.Config{IAM: lab.IAM(), Clock: lab.Clock().Now, RequestID: lab.RequestID,
		Weakened: lab.IAM().Settings().Weakened})
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- endpoint.Serve(ctx, listener, handler) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-served)
	})
	return "http://" + listener.Addr().String()
}

// press lets a step pass and reads a code from the LCD.
func (o *office) press() string {
	o.now.Add(int64(30 * time.Second))
	o.fob.Press(o.wall())
	return o.fob.Display().Code
}

func (o *office) login(tb testing.TB) {
	code := o.press()
	o.ask(tb, o.wall(), "sts", "GetSessionToken", "SerialNumber", serial, "TokenCode", code)
}

// A client asks the relying party over HTTP on a connection that it keeps.
type client struct {
	url    string
	key    aws.Credentials
	http   *http.Client
	signer *v4.Signer
}

func newClient(url string, key live.Key) client {
	return client{url: url, key: aws.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey},
		http: &http.Client{Transport: &http.Transport{}}, signer: v4.NewSigner()}
}

// ask calls an operation, signed at that wall time, and returns the answer.
func (c client) ask(tb testing.TB, at time.Time, service, action string, params ...string) []byte {
	form := url.Values{"Action": {action}, "Version": {iam.Version(service)}}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	body := form.Encode()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, c.url, strings.NewReader(body))
	require.NoError(tb, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	hash := sha256.Sum256([]byte(body))
	require.NoError(tb, c.signer.SignHTTP(tb.Context(), c.key, r, hex.EncodeToString(hash[:]), service, live.Region, at))
	answer, err := c.http.Do(r)
	require.NoError(tb, err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	require.NoError(tb, err)
	require.Equal(tb, http.StatusOK, answer.StatusCode, "%s: %s", action, b)
	return b
}
