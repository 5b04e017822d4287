package control

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/token/seedfile"
)

// Box says how many fobs are made at once, and what they are like. Their serials and seeds are the factory's.
type Box struct {
	live.FobSpec
	Count int `json:"count"`
}

// Treatment is what is done to a fob; each operation reads the field that it needs.
type Treatment struct {
	Serial string `json:"-" path:"serial"`
	// Climate is where it is left: "drawer", "cold-car", "21.5", "daily:-5..30", "random:7".
	Climate string `json:"climate,omitempty"`
	// Left is how much of a full battery is left, from 0 to 1.
	Left float64 `json:"left,omitempty"`
	// Faults are what is broken: "stuck", "weak", "3g"; empty mends it.
	Faults string `json:"faults,omitempty"`
	// By is how far from the lab's clock its own is set.
	By live.Span `json:"by,omitempty"`
	// Challenge is what is typed into its keypad.
	Challenge string `json:"challenge,omitempty"`
}

// Drift names a fob and says what is changed of its clock.
type Drift struct {
	Serial string `json:"-" path:"serial"`
	live.DriftChange
}

// treatments are the operations that do something to one fob.
func (s *Server) treatments() []route {
	l := s.lab
	treat := func(what, summary string, do func(ctx context.Context, in Treatment) (live.Shown, error)) route {
		return on("POST", "/v1/fobs/{serial}/"+what, summary, do)
	}
	return []route{
		on("POST", "/v1/boxes", "make a box of fobs, all of them or none", func(ctx context.Context, in Box) ([]live.Shown, error) {
			return l.NewFobs(ctx, in.FobSpec, in.Count)
		}),
		on("POST", "/v1/shipments", "take in a box of fobs with its seed file, all or nothing", s.ship),
		on("POST", "/v1/export", "write fobs into a seed file, with their seeds", s.export),
		on("GET", "/v1/fobs/{serial}/picture", "what a fob looks like, as SVG", func(ctx context.Context, in Serial) (live.Picture, error) {
			return l.Picture(ctx, in.Serial)
		}),
		on("GET", "/v1/shipments", "how far the box has come that is being taken in or made", func(context.Context, none) (live.Arrival, error) {
			return l.Arrival(), nil
		}),
		on("GET", "/v1/fobs/{serial}/drift", "how far its clock is off, and when servers will refuse its codes",
			func(ctx context.Context, in Serial) (live.Drift, error) { return l.Drift(ctx, in.Serial) }),
		on("POST", "/v1/fobs/{serial}/drift", "set its drift, or give it another crystal", func(ctx context.Context, in Drift) (live.Drift, error) {
			return l.SetDrift(ctx, in.Serial, in.DriftChange)
		}),
		treat("leave", "put a fob into a climate", func(ctx context.Context, in Treatment) (live.Shown, error) {
			return l.Leave(ctx, in.Serial, in.Climate)
		}),
		treat("drain", "drain its battery", func(ctx context.Context, in Treatment) (live.Shown, error) {
			return l.Drain(ctx, in.Serial, in.Left)
		}),
		treat("break", "break its button or its LCD, or mend them", func(ctx context.Context, in Treatment) (live.Shown, error) {
			return l.Break(ctx, in.Serial, in.Faults)
		}),
		treat("tamper", "break its case open: the seed is gone", func(ctx context.Context, in Treatment) (live.Shown, error) {
			return l.Tamper(ctx, in.Serial)
		}),
		treat("kill", "take its battery out", func(ctx context.Context, in Treatment) (live.Shown, error) {
			return l.Kill(ctx, in.Serial)
		}),
		treat("setclock", "set the clock of a programmable fob", func(ctx context.Context, in Treatment) (live.Shown, error) {
			return l.SetFobClock(ctx, in.Serial, time.Duration(in.By))
		}),
		treat("challenge", "type a challenge into its keypad", func(ctx context.Context, in Treatment) (live.Shown, error) {
			return l.Challenge(ctx, in.Serial, in.Challenge)
		}),
	}
}

// Shipment is a seed file and the box of fobs that it came with.
type Shipment struct {
	Profile string `json:"profile,omitempty"`
	Format  string `json:"format,omitempty"` // of File; found where it is empty
	File    []byte `json:"file"`             // base64 in JSON
	// The secret that an encrypted file asks for: the AES key in hexadecimal, or the passphrase.
	Key        live.Seed `json:"key,omitempty"`
	Passphrase string    `json:"passphrase,omitempty"`
	// What a Duo file does not say.
	HOTP   bool      `json:"hotp,omitempty"`
	Digits int       `json:"digits,omitempty"`
	Step   live.Span `json:"step,omitempty"`
	// Shift delivers a wrong box: every seed of the file is that many rows off. Swap exchanges the serials of two rows, and
	// Twin gives the second of two rows the seed of the first; rows count from 1.
	Shift int   `json:"shift,omitempty"`
	Swap  []int `json:"swap,omitempty"`
	Twin  []int `json:"twin,omitempty"`
}

// Shipped is what came of a shipment.
type Shipped struct {
	Format   string   `json:"format"`
	Fobs     int      `json:"fobs"`
	Serials  []string `json:"serials"`
	Warnings []string `json:"warnings"`
}

func (s *Server) ship(ctx context.Context, in Shipment) (Shipped, error) {
	box, err := seedfile.Parse(seedfile.Format(in.Format), in.File, seedfile.Options{PresharedKey: secret(in.Key),
		Passphrase: secret([]byte(in.Passphrase)), Type: map[bool]seedfile.Type{true: seedfile.HOTP}[in.HOTP],
		Digits: in.Digits, Step: time.Duration(in.Step)})
	if err != nil {
		return Shipped{}, err
	}
	file, err := in.wrong(box.Records)
	if err != nil {
		return Shipped{}, err
	}
	made, err := s.lab.Import(ctx, live.Shipment{Profile: in.Profile, Fobs: box.Records, File: file})
	if err != nil {
		return Shipped{}, err
	}
	out := Shipped{Format: string(box.Format), Fobs: len(made), Serials: []string{}, Warnings: append([]string{}, box.Warnings...)}
	for _, f := range made {
		out.Serials = append(out.Serials, f.Serial)
	}
	return out, nil
}

// wrong returns the seed file with the mistakes that were asked for.
func (in Shipment) wrong(records []seedfile.Record) ([]seedfile.Record, error) {
	file := records
	if in.Shift != 0 {
		file = seedfile.Shift(file, in.Shift)
	}
	for _, mistake := range []struct {
		name string
		rows []int
		make func([]seedfile.Record, int, int) ([]seedfile.Record, error)
	}{{"swap", in.Swap, seedfile.SwapSerials}, {"twin", in.Twin, seedfile.DuplicateSeed}} {
		if len(mistake.rows) == 0 {
			continue
		}
		if len(mistake.rows) != 2 {
			return nil, fmt.Errorf("%s takes the numbers of two rows, not %d", mistake.name, len(mistake.rows))
		}
		var err error
		if file, err = mistake.make(file, mistake.rows[0]-1, mistake.rows[1]-1); err != nil {
			return nil, err
		}
	}
	return file, nil
}

// Export says which fobs are wanted and how their seed file is written.
type Export struct {
	Format     string    `json:"format"`
	Serials    []string  `json:"serials,omitempty"` // none: all
	Key        live.Seed `json:"key,omitempty"`     // pskc: the AES key in hexadecimal
	Passphrase string    `json:"passphrase,omitempty"`
	KeyName    string    `json:"keyName,omitempty"`
	EncryptAll bool      `json:"encryptAll,omitempty"` // pskc: counters and clocks, too, not the seeds alone
}

// SeedFile is a written seed file.
type SeedFile struct {
	File []byte `json:"file"` // base64 in JSON
	Fobs int    `json:"fobs"`
	// Lost names what the fobs have and the format has no place for.
	Lost []string `json:"lost"`
}

func (s *Server) export(ctx context.Context, in Export) (SeedFile, error) {
	records, err := s.lab.Export(ctx, in.Serials)
	if err != nil {
		return SeedFile{}, err
	}
	if len(records) == 0 {
		return SeedFile{}, errors.New("there is no fob with a seed to export")
	}
	format := seedfile.Format(in.Format)
	file, err := seedfile.Append(nil, format, records, seedfile.Options{PresharedKey: secret(in.Key),
		Passphrase: secret([]byte(in.Passphrase)), KeyName: in.KeyName, EncryptAll: in.EncryptAll, Random: rand.Reader})
	return SeedFile{File: file, Fobs: len(records), Lost: append([]string{}, seedfile.Lost(format, records)...)}, err
}

// secret is a key or passphrase as package seedfile takes it: nil where none was given.
func secret(b []byte) seedfile.Secret {
	if len(b) == 0 {
		return nil
	}
	return b
}
