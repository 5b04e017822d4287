package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/live"
)

// Our choices about credentials that are kept.
const (
	sessionsFolder = "sessions" // in the lab's directory, a file for each question
	// nearEnd is how long before their end credentials are replaced, at most a quarter of their life: SDKs ask anew at
	// about that time.
	nearEnd = 5 * time.Minute
)

// processFlags are the options of `mfalab credential-process`.
type processFlags struct {
	serial, device, user, role, session string
	duration                            time.Duration
	next, fresh                         bool
}

func (c *cli) credentialProcess() *cobra.Command {
	var f processFlags
	cmd := &cobra.Command{
		Use:   "credential-process",
		Short: "Press the fob, ask STS for a session and print it as AWS profiles want it",
		Long: `Press the fob, ask STS for a session with its code, and print the session as the credential_process of a profile in
~/.aws/config prints it (version 1). A session is kept and printed again until it nears its end by the lab's clock.

    [profile lab]
    credential_process = mfalab credential-process --dir /path/to/.mfalab --serial GAHT12345678
    [profile lab-deploy]
    credential_process = mfalab credential-process --dir /path/to/.mfalab --serial GAHT12345678 --role arn:aws:iam::123456789012:role/deployer

With --role it is a session of that role, without one of the user's own. A virtual MFA device goes by its ARN, and by the
name that the app has for it in --device.`,
		Example: `  mfalab credential-process --serial GAHT12345678
  mfalab credential-process --serial GAHT12345678 --user bob --role arn:aws:iam::123456789012:role/deployer
  mfalab credential-process --serial arn:aws:iam::123456789012:mfa/alice --device alice --next`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&f.serial, "serial", "", "the MFA device's serial number, or its ARN")
	cmd.Flags().StringVar(&f.device, "device", "", "what the device is called on the bench, or in the app (default: the serial number)")
	cmd.Flags().StringVar(&f.user, "user", live.Administrator, "whose access key")
	cmd.Flags().StringVar(&f.role, "role", "", "the ARN of a role to assume")
	cmd.Flags().StringVar(&f.session, "session-name", "mfalab", "the name of the role's session")
	cmd.Flags().DurationVar(&f.duration, "duration", 0, "how long it is to last (default: as long as STS says)")
	cmd.Flags().BoolVar(&f.next, "next", false, "move the lab's clock to the next code instead of waiting for it")
	cmd.Flags().BoolVar(&f.fresh, "fresh", false, "ask for a new session even if there is one")
	cmd.RunE = func(*cobra.Command, []string) error {
		if f.serial == "" {
			return usage{errors.New("say which MFA device: --serial GAHT12345678")}
		}
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error { return c.credentialsFor(ctx, lab, f) })
	}
	return cmd
}

// processOutput is what a credential_process prints: AWS CLI User Guide, "Sourcing credentials with an external process".
type processOutput struct {
	Version                                    int
	AccessKeyId, SecretAccessKey, SessionToken string
	Expiration                                 string
}

// keptSession is a session in the lab's directory. Its times are the lab's.
type keptSession struct {
	Begun   time.Time     `json:"begun"`
	Expires time.Time     `json:"expires"`
	Session processOutput `json:"session"`
}

// credentialsFor prints a session that is there, or a new one.
func (c *cli) credentialsFor(ctx context.Context, lab *control.Client, f processFlags) error {
	var st control.Status
	var keys live.Credentials
	var clock control.Clock
	for path, out := range map[string]any{"/v1/status": &st, "/v1/credentials": &keys, "/v1/clock": &clock} {
		if err := lab.Get(ctx, path, out); err != nil {
			return err
		}
	}
	key, ok := keys.Users[f.user]
	if !ok {
		return fmt.Errorf("the lab made no access key for %q: name another with --user", f.user)
	}
	if st.URL == "" {
		return hinted{fmt.Errorf("the lab in %s is not running", st.Dir), "start it with `mfalab up --detach`"}
	}
	file := f.file(st.Dir, key)
	kept, err := readKept(file)
	if err != nil {
		return err
	}
	if f.fresh || !kept.lasts(clock.Lab) {
		if kept, err = c.newSession(ctx, lab, f, st.URL, key); err != nil {
			return err
		}
		if err := kept.write(file); err != nil {
			return err
		}
		if err := lab.Get(ctx, "/v1/clock", &clock); err != nil {
			return err
		}
	}
	// Clients compare the end with their own clock: what is left in the lab's time goes out in the wall's.
	kept.Session.Expiration = clock.Wall.Add(kept.Expires.Sub(clock.Lab)).UTC().Format(time.RFC3339)
	e := json.NewEncoder(c.out)
	e.SetEscapeHTML(false)
	return e.Encode(kept.Session)
}

// file is where the session is kept: another one for each question, and for each access key, so that a lab that was reset
// has none.
func (f processFlags) file(dir string, key live.Key) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{key.AccessKeyID, f.serial, f.role, f.session, f.duration.String()}, "\x00")))
	return filepath.Join(dir, sessionsFolder, hex.EncodeToString(sum[:8])+".json")
}

// readKept reads a session that was kept, the zero one where there is none.
func readKept(file string) (k keptSession, err error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return k, err
	}
	if json.Unmarshal(b, &k) != nil {
		return keptSession{}, nil // half a file is none: a new session is asked for
	}
	return k, nil
}

func (k keptSession) write(file string) error {
	b, err := json.Marshal(k)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return writeFile(file, b)
}

// lasts reports whether the session has begun and is not near its end at that time of the lab's.
func (k keptSession) lasts(lab time.Time) bool {
	margin := min(nearEnd, k.Expires.Sub(k.Begun)/4)
	return !lab.Before(k.Begun) && lab.Before(k.Expires.Add(-margin))
}

// newSession presses the device and asks STS.
func (c *cli) newSession(ctx context.Context, lab *control.Client, f processFlags, to string, key live.Key) (k keptSession, err error) {
	code, err := f.press(ctx, lab)
	if err != nil {
		return k, err
	}
	form := url.Values{"Version": {iam.Version("sts")}, "Action": {"GetSessionToken"}, "SerialNumber": {f.serial}, "TokenCode": {code}}
	if f.role != "" {
		form.Set("Action", "AssumeRole")
		form.Set("RoleArn", f.role)
		form.Set("RoleSessionName", f.session)
	}
	if f.duration > 0 {
		form.Set("DurationSeconds", strconv.Itoa(int(f.duration/time.Second)))
	}
	if k.Session, err = askSTS(ctx, to, key, form); err != nil {
		return k, err
	}
	var clock control.Clock
	if err := lab.Get(ctx, "/v1/clock", &clock); err != nil {
		return k, err
	}
	expires, err := time.Parse(time.RFC3339, k.Session.Expiration)
	if err != nil {
		return k, fmt.Errorf("STS answered with no time of expiry: %w", err)
	}
	k.Begun, k.Expires = clock.Lab, clock.Lab.Add(expires.Sub(clock.Wall))
	return k, nil
}

// press gets a code that nobody has got yet, from the fob or, where there is none of that name, from the app.
func (f processFlags) press(ctx context.Context, lab *control.Client) (string, error) {
	name := url.PathEscape(cmp.Or(f.device, f.serial))
	opt := live.PressOptions{Next: f.next, Wait: !f.next}
	var shown live.Shown
	err := lab.Post(ctx, "/v1/fobs/"+name+"/press", opt, &shown)
	if refused := new(control.RefusedError); errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		if lab.Post(ctx, "/v1/apps/"+name+"/code", opt, &shown) == nil {
			err = nil
		}
	}
	return shown.Code, err
}

// maxAnswer bounds what is read of an answer. Our choice: a hundred times what STS answers.
const maxAnswer = 1 << 20

// askSTS sends one signed call to the lab's STS and returns the credentials in its answer.
func askSTS(ctx context.Context, to string, key live.Key, form url.Values) (p processOutput, err error) {
	body := form.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to+"/", strings.NewReader(body))
	if err != nil {
		return p, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.Header.Set("User-Agent", "mfalab/"+control.Version+" credential-process")
	sum := sha256.Sum256([]byte(body))
	signer := aws.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey}
	if err := v4.NewSigner().SignHTTP(ctx, signer, r, hex.EncodeToString(sum[:]), "sts", live.Region, time.Now()); err != nil {
		return p, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return p, err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return p, err
	}
	var said struct {
		Session processOutput                  `xml:"GetSessionTokenResult>Credentials"`
		Role    processOutput                  `xml:"AssumeRoleResult>Credentials"`
		Error   struct{ Code, Message string } `xml:"Error"`
	}
	if err := xml.Unmarshal(b, &said); err != nil {
		return p, fmt.Errorf("STS answered what is no XML: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return p, fmt.Errorf("STS refused %s: %s: %s", form.Get("Action"), said.Error.Code, said.Error.Message)
	}
	p = said.Session
	if form.Get("Action") == "AssumeRole" {
		p = said.Role
	}
	p.Version = 1
	return p, nil
}
