package docs_test

import (
	"bufio"
	"bytes"
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
		"in its file. One client with one kept connection sends a call and reads the answer, 200 in a row; from one to the next the\n" +
		"clock goes on by 30 seconds, so that each has a fresh code from a fob, changes the device, the access key and the account\n" +
		"and adds a session. They are signed with the AWS SDK's signer before the watch starts. Against 200 `UPDATE`s of one row\n" +
		"of 300 bytes, each a transaction, by the same driver in a file of the same kind (WAL, `synchronous=FULL`) beside it.",
	measure: sessions,
}}

// together is how many calls, and then commits, follow one another before it is the others' turn.
const together = 200

func sessions(t *testing.T) measured {
	o, file := openOffice(t), bareFile(t)
	var m measured
	for range rounds {
		calls := o.logins(t, together)
		m.samples = append(m.samples, sample{
			value: rate(func() {
				for _, c := range calls {
					o.now.Store(c.at.UnixNano())
					o.send(t, c.request)
				}
			}),
			limit: rate(func() {
				for n := range together {
					_, err := file.ExecContext(t.Context(), "UPDATE record SET value = ?1 WHERE key = 1", fmt.Appendf(nil, "%0300d", n))
					require.NoError(t, err)
				}
			}),
		})
	}
	took, bare, _ := m.reading()
	m.aside = fmt.Sprintf("A call took %s, a commit %s.", span(1e9/took), span(1e9/bare))
	return m
}

// rate returns how many things are done in a second by f, which does so many.
func rate(f func()) float64 {
	began := time.Now()
	f()
	return together / time.Since(began).Seconds()
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

func openOffice(t *testing.T, weaken ...string) *office {
	o := &office{}
	o.now.Store(birth.UnixNano())
	lab, err := live.Open(t.Context(), live.Options{Dir: t.TempDir(), Seed: "performance", Wall: o.wall, Weaken: weaken})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lab.Close()) })
	ppm := 0.0
	_, err = lab.NewFob(t.Context(), live.FobSpec{Serial: serial, Seed: live.Seed(seed), PPM: &ppm})
	require.NoError(t, err)
	profile, err := token.ProfileNamed(live.DefaultProfile)
	require.NoError(t, err)
	profile.Life = 0 // five years of logins a day are a few seconds of these
	// The client has its own fob with the seed of the lab's: it works as long as the world that it is in.
	o.fob, err = token.NewFob(token.Config{Profile: profile, Serial: serial, Seed: seed, Born: birth})
	require.NoError(t, err)
	keys, err := lab.Credentials(t.Context())
	require.NoError(t, err)
	o.client = dial(t, serve(t, lab), keys.Users[live.Administrator])
	first, second := o.press(), o.press()
	o.send(t, o.request(t, o.wall(), "iam", "EnableMFADevice", "UserName", live.Administrator, "SerialNumber", serial,
		"AuthenticationCode1", first, "AuthenticationCode2", second))
	return o
}

// serve puts lab on a port of loopback, as `mfalab up` does.
func serve(t *testing.T, lab *live.Lab) (host string) {
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
	return listener.Addr().String()
}

// press lets a step pass and reads a code from the LCD.
func (o *office) press() string {
	o.now.Add(int64(30 * time.Second))
	o.fob.Press(o.wall())
	return o.fob.Display().Code
}

// A login is a call of GetSessionToken for the moment at which its code is shown.
type login struct {
	at      time.Time
	request []byte
}

// logins prepares n of them, each with the code of another step.
func (o *office) logins(t *testing.T, n int) []login {
	calls := make([]login, n)
	for i := range calls {
		code := o.press()
		calls[i] = login{o.wall(), o.request(t, o.wall(), "sts", "GetSessionToken", "SerialNumber", serial, "TokenCode", code)}
	}
	return calls
}

// A client asks the relying party over HTTP on one connection that it keeps.
type client struct {
	host string
	key  aws.Credentials
	conn net.Conn
	in   *bufio.Reader
}

func dial(t *testing.T, host string, key live.Key) client {
	conn, err := net.Dial("tcp", host)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return client{host, aws.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey}, conn, bufio.NewReader(conn)}
}

// request returns a call as it goes over the wire, signed at that wall time.
func (c client) request(t *testing.T, at time.Time, service, action string, params ...string) []byte {
	form := url.Values{"Action": {action}, "Version": {iam.Version(service)}}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	body := form.Encode()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+c.host, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	hash := sha256.Sum256([]byte(body))
	require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), c.key, r, hex.EncodeToString(hash[:]), service, live.Region, at))
	var b bytes.Buffer
	require.NoError(t, r.Write(&b))
	return b.Bytes()
}

// send sends a request and reads the answer, which must not be a refusal.
func (c client) send(t *testing.T, request []byte) {
	_, err := c.conn.Write(request)
	require.NoError(t, err)
	answer, err := http.ReadResponse(c.in, nil)
	require.NoError(t, err)
	b, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s", b)
}
