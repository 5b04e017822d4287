package token

// Secret returns a copy of the fob's seed, for a seed file; nil where the fob has forgotten it.
func (f *Fob) Secret() Seed {
	if f.secret == nil || f.lcd.phase == dead {
		return nil
	}
	return append(Seed(nil), f.secret.seed...)
}
