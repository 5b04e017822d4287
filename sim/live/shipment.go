package live

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/pquerna/otp"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/token"
	"github.com/mfalab/mfalab/token/seedfile"
)

// A Shipment is a box of fobs and the seed file that came with it. The two should agree; a box is wrong on purpose where
// they do not.
type Shipment struct {
	Profile string            // the product; "" means DefaultProfile. The records' digits, hash and step count.
	Fobs    []seedfile.Record // what the fobs in the box are
	File    []seedfile.Record // what the relying party is told; nil means Fobs
}

// Import takes in a whole shipment: its fobs lie on the bench, its file is in the relying party's inventory. It takes all
// of it or nothing; an error names the first record that cannot be.
func (l *Lab) Import(ctx context.Context, s Shipment) ([]Shown, error) {
	if s.Profile == "" {
		s.Profile = DefaultProfile
	}
	profile, err := token.ProfileNamed(s.Profile)
	if err != nil {
		return nil, err
	}
	if s.File == nil {
		s.File = s.Fobs
	}
	stock, err := inventory(s.File)
	if err != nil {
		return nil, err
	}
	l.shipping.Lock()
	defer l.shipping.Unlock()
	l.arrival.begin(len(s.Fobs))
	defer l.arrival.end()
	var fobs []*token.Fob
	err = l.Do(ctx, func(w *sim.World) (err error) {
		fobs, err = l.unpack(w.Now(), profile, s.Fobs)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := l.Save(ctx); err != nil {
		return nil, err
	}
	if err := l.service.Stock(ctx, stock); err != nil {
		return nil, err
	}
	return l.deliver(context.WithoutCancel(ctx), fobs, stock)
}

// unpack makes the fobs of a box. Each crystal is drawn, as for a fob that the factory makes. A box that cannot be taken in
// uses up no number of a fob, so that the fobs made after it are the same as without it.
func (l *Lab) unpack(now time.Time, profile token.Profile, records []seedfile.Record) (fobs []*token.Fob, err error) {
	fobs = make([]*token.Fob, 0, len(records))
	seen := map[string]bool{}
	made := l.state.Made
	defer func() {
		if err != nil {
			l.state.Made = made
			return
		}
		l.unsaved = true
	}()
	for i, r := range records {
		if l.bench.shelves[Fobs][r.Serial] != nil || seen[r.Serial] {
			return nil, fmt.Errorf("record %d: a fob with the serial %q is there already", i+1, r.Serial)
		}
		seen[r.Serial] = true
		p, err := shaped(profile, r)
		if err != nil {
			return nil, fmt.Errorf("record %d, serial %q: %w", i+1, r.Serial, err)
		}
		l.state.Made++
		ppm := crystal(p, l.chance.Derive("fob", fmt.Sprint(l.state.Made)).Derive("crystal"))
		f, err := token.NewFob(token.Config{Profile: p, Serial: r.Serial, Seed: r.Seed, Born: now,
			Counter: int64(min(r.Counter, math.MaxInt64)), TolerancePPB: int64(math.Round(ppm * 1000))})
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", i+1, err)
		}
		fobs = append(fobs, f)
		l.arrival.made.Add(1)
	}
	return fobs, nil
}

// shaped is a profile with the numbers of a record.
func shaped(p token.Profile, r seedfile.Record) (token.Profile, error) {
	if r.Type == seedfile.HOTP && p.Factor != token.EventBased {
		var err error
		if p, err = token.ProfileNamed("event"); err != nil {
			return p, err
		}
	}
	if r.Type == seedfile.TOTP && p.Factor != token.TimeBased {
		return p, fmt.Errorf("its seed is for a time-based fob, and the profile %q is not", p.Name)
	}
	p.Digits, p.Algorithm, p.Step = r.Digits, r.Algorithm, r.Step
	return p, nil
}

// inventory is what the relying party is told of a seed file: its time-based fobs.
func inventory(records []seedfile.Record) ([]iam.HardwareDevice, error) {
	var stock []iam.HardwareDevice
	for i, r := range records {
		switch {
		case r.Serial == "":
			return nil, fmt.Errorf("record %d has no serial: a fob needs one", i+1)
		case len(r.Seed) == 0:
			return nil, errors.New("record " + fmt.Sprint(i+1) + " has no seed")
		case r.Type == seedfile.TOTP:
			stock = append(stock, iam.HardwareDevice{Serial: r.Serial, Seed: r.Seed, Digits: r.Digits,
				Algorithm: otpAlgorithm(r.Algorithm), Period: r.Step})
		}
	}
	return stock, nil
}

// otpAlgorithm is a hash in the words of the side that checks.
func otpAlgorithm(a token.Algorithm) otp.Algorithm {
	return map[token.Algorithm]otp.Algorithm{token.SHA1: otp.AlgorithmSHA1, token.SHA256: otp.AlgorithmSHA256,
		token.SHA512: otp.AlgorithmSHA512}[a]
}

// Export returns the records of fobs for a seed file, in the order of the serials, or of all fobs that have a seed where
// none is named. A fob that is named and has lost its seed is an error.
func (l *Lab) Export(ctx context.Context, serials []string) ([]seedfile.Record, error) {
	var records []seedfile.Record
	err := l.Do(ctx, func(w *sim.World) error {
		list := l.bench.on(Fobs)
		if len(serials) > 0 {
			list = nil
			for _, serial := range serials {
				d, err := l.bench.get(Fobs, serial)
				if err != nil {
					return err
				}
				if d.Secret() == nil {
					return fmt.Errorf("the fob %q has lost its seed: leave it out", serial)
				}
				list = append(list, d)
			}
		}
		for _, d := range list {
			if seed := d.Secret(); seed != nil && d.Profile().Factor != token.ChallengeResponse {
				records = append(records, record(d, seed, w.Now()))
			}
		}
		return nil
	})
	return records, err
}

func record(d *device, seed token.Seed, now time.Time) seedfile.Record {
	p := d.Profile()
	r := seedfile.Record{Serial: d.Serial(), Manufacturer: "mfalab", Model: p.Name, Seed: seed, Algorithm: p.Algorithm, Digits: p.Digits,
		Step: p.Step}
	if p.Factor == token.EventBased {
		r.Type, r.Step, r.Counter = seedfile.HOTP, 0, uint64(d.StepAt(now))
	}
	return r
}
