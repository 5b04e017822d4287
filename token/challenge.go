package token

import (
	"fmt"
	"time"
)

// Challenge types a challenge into the keypad of a challenge-response card: the LCD shows
// the answer for LitFor. Typing drains the battery as one press does. An error means that
// the card is dead or wiped, that this fob has no keypad, or that the suite of its profile
// takes no such challenge; then nothing has changed but the time.
func (f *Fob) Challenge(now time.Time, challenge string) error {
	f.Step(now)
	switch {
	case f.lcd.phase == dead:
		return fmt.Errorf("token: fob %q is dead and answers nothing; take another", f.serial)
	case f.profile.Factor != ChallengeResponse:
		return fmt.Errorf("token: fob %q has no keypad; press its button", f.serial)
	case f.secret == nil:
		return fmt.Errorf("token: fob %q has lost its seed and answers nothing; take another", f.serial)
	}
	suite, err := ParseSuite(f.profile.Suite)
	if err != nil {
		return err
	}
	if err := suite.checkTyped(challenge); err != nil {
		return err
	}
	f.battery.press()
	f.settle()
	if f.lcd.phase == dead {
		return nil
	}
	number := f.counter
	if suite.step > 0 {
		number = max(0, Step(f.crystal.local(f.now), unixEpoch, suite.step))
	}
	f.lcd.show(number)
	f.lcd.challenge = challenge
	f.counter++
	f.relight()
	return nil
}

// answer returns what the card answers to a challenge that it takes.
func (f *Fob) answer(challenge string, number int64) string {
	suite, err := ParseSuite(f.profile.Suite)
	if err != nil {
		panic("token: internal error: a card with a bad suite")
	}
	in := DataInput{Counter: uint64(number), Question: challenge, Step: uint64(number)}
	response, err := suite.Response(f.secret.seed, in)
	if err != nil {
		panic("token: internal error: a card took a bad challenge")
	}
	return response
}
