package live

import (
	"context"
	"fmt"
	"time"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/token"
	"github.com/mfalab/mfalab/token/seedfile"
)

// AddApp puts an account into the virtual MFA app: what the app does when it scans a QR picture with this otpauth URI.
// The account is called name, or the URI's account where name is empty. An account of that name is replaced, as a scan on
// a phone does.
func (l *Lab) AddApp(ctx context.Context, uri seedfile.Record, name string) (Shown, error) {
	if name == "" {
		name = uri.Account
	}
	if uri.Type != seedfile.TOTP {
		return Shown{}, fmt.Errorf("the app shows time-based codes only, and %q is event-based", name)
	}
	profile, err := token.ProfileNamed("app")
	if err != nil {
		return Shown{}, err
	}
	profile.Digits, profile.Algorithm, profile.Step = uri.Digits, uri.Algorithm, uri.Step
	// People open the app, read a code and put the phone away.
	profile.LitFor, profile.Redraw = time.Second, true
	var f *token.Fob
	err = l.Do(ctx, func(w *sim.World) (err error) {
		f, err = token.NewFob(token.Config{Profile: profile, Serial: name, Seed: uri.Seed, Born: w.Now()})
		if err != nil {
			return err
		}
		if old := l.bench.shelves[Apps][name]; old != nil {
			w.Remove(old)
			delete(l.bench.shelves[Apps], name)
		}
		return nil
	})
	if err != nil {
		return Shown{}, err
	}
	return l.lay(ctx, Apps, f)
}
