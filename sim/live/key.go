package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/ctaphid"
	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
)

// A KeyProfile is a security key as a product: its firmware, its framing, and what it says when it is plugged in. It is
// data that users write as JSON.
type KeyProfile struct {
	Key u2f.Profile    `json:"key"`
	HID ctaphid.Config `json:"hid"`
	USB hid.Identity   `json:"usb"` // without a serial number: each key has its own
}

// Our choice: VID and PID that pid.codes keeps for tests, and a name that nobody takes for a product.
const (
	usbVendor  = 0x1209
	usbProduct = 0x0001
	usbVersion = 0x0100
	usbName    = "mfalab Security Key"
)

// DefaultKeyProfile is the key that `mfalab key new` makes.
const DefaultKeyProfile = u2f.DefaultProfile

// products are what named products say on USB.
var products = map[string]hid.Identity{
	"yubikey-5.8": {Vendor: 0x1050, Product: 0x0407, Version: 0x0580, Name: "Yubico YubiKey OTP+FIDO+CCID"},
	"yubikey-5.4": {Vendor: 0x1050, Product: 0x0407, Version: 0x0543, Name: "Yubico YubiKey OTP+FIDO+CCID"},
}

// KeyProfiles returns the profiles that come with mfalab.
func KeyProfiles() []KeyProfile {
	var list []KeyProfile
	for _, p := range u2f.Profiles() {
		k := KeyProfile{Key: p, USB: hid.Identity{Vendor: usbVendor, Product: usbProduct, Version: usbVersion, Name: usbName},
			HID: ctaphid.Config{Major: 1, Wink: true, NMSG: !p.CTAP1(), NoCBOR: !p.CTAP2()}}
		if usb, named := products[p.Name]; named {
			k.USB = usb
		}
		list = append(list, k)
	}
	return list
}

// KeyProfileNamed returns the profile with that name.
func KeyProfileNamed(name string) (KeyProfile, error) {
	var names []string
	for _, p := range KeyProfiles() {
		if p.Key.Name == name {
			return p, nil
		}
		names = append(names, p.Key.Name)
	}
	return KeyProfile{}, fmt.Errorf("there is no key profile %q: use one of %s", name, strings.Join(names, ", "))
}

// check reports what makes p unfit.
func (p KeyProfile) check() error {
	if p.USB.Serial != "" {
		return fmt.Errorf("the profile %q has the serial number %q: leave it out, each key has its own", p.Key.Name, p.USB.Serial)
	}
	return errors.Join(p.Key.Check(), p.HID.Check())
}

// A KeySpec says what a new key is like. The zero value is a key of the default profile, plugged in.
type KeySpec struct {
	Profile string `json:"profile,omitempty"` // DefaultKeyProfile where empty
	// Custom is a profile of the user's own, instead of Profile.
	Custom *KeyProfile `json:"custom,omitempty"`
	KeyElement
	Serial    string       `json:"serial,omitempty"` // eight digits that nobody has where empty
	Presence  u2f.Presence `json:"presence,omitzero"`
	Unplugged bool         `json:"unplugged,omitempty"` // it is made, and stays in the drawer
}

// A SecurityKey is a key as a file or a saved lab keeps it.
type SecurityKey struct {
	Serial  string     `json:"serial"`
	Profile KeyProfile `json:"profile"`
	KeyElement
	Presence u2f.Presence `json:"presence,omitzero"`
	// Fingers are what the user does the next times that it blinks, before Presence holds.
	Fingers []u2f.Finger `json:"fingers,omitempty"`
	Plugged bool         `json:"plugged"`
	Via     string       `json:"via,omitempty"` // where it is plugged in; empty is the lab's bus
	// Image numbers the file that its flash is in; Flash is what is in it, where the file has yet to be made.
	Image uint64            `json:"image"`
	Flash map[string][]byte `json:"flash,omitempty"`
	// Earlier is what was in its flash when it was last taken a snapshot of.
	Earlier map[string][]byte `json:"earlier,omitempty"`
}

// key is a security key in the world. Everything in it belongs to whose turn it is.
type key struct {
	lab      *Lab
	serial   string
	profile  KeyProfile
	element  KeyElement
	inside   u2f.Element // that the core has; nil of software
	presence u2f.Presence
	scripted bool // its core may have fingers still that its file has
	image    uint64
	flash    flash.Store
	close    func() error // of flash
	trouble  error        // why it does not start
	unread   bool         // that is because there is no flash
	earlier  map[string][]byte

	core   *u2f.Key
	device *ctaphid.Device
	at     time.Time // the world's time of this turn, for the framing's calls
	port   *plugged  // nil while it is not plugged in
	was    string    // where it was plugged in last
	seen   []*watcher
	lines  [2]ctaphid.Assembly // messages under way to the key and to the host, while somebody watches
}

// KeyShown is what can be seen of a key.
type KeyShown struct {
	Serial  string `json:"serial"`
	Profile string `json:"profile"`
	Name    string `json:"name"`
	Plugged bool   `json:"plugged"`
	Node    string `json:"node,omitempty"` // the device file that programs under `mfalab exec` see
	// Unpowered says that nobody has attached it yet, where a key has its power from who attaches it; then nobody can ask it how
	// it stands.
	Unpowered bool         `json:"unpowered,omitempty"`
	Presence  u2f.Presence `json:"presence"`
	// Fingers are what the user does the next times that it blinks.
	Fingers []u2f.Finger `json:"fingers,omitempty"`
	// Waiting is what it blinks for.
	Waiting *u2f.Request `json:"waiting,omitempty"`
	// Trouble is why it does not start: what is wrong with its flash.
	Trouble string `json:"trouble,omitempty"`
	// Element is its secure element, where that is not software.
	Element *ElementShown `json:"element,omitempty"`
	u2f.Summary
	// Info is what authenticatorGetInfo answers; it is there for one key that is asked about, and has power.
	Info []ctap.Member `json:"info,omitempty"`
}

// keySerial matches what a key may be called: it goes to the host as it is, and names a socket.
var keySerial = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$`)

func checkKeySerial(serial string) error {
	if !keySerial.MatchString(serial) {
		return fmt.Errorf("a key cannot have the serial %q: give up to 64 letters, digits, dots and hyphens, the first no dot or hyphen",
			serial)
	}
	return nil
}

// ErrNoKey is wrapped by errors about a key that does not lie on the bench.
var ErrNoKey = errors.New("no such key on the bench")

// NewKey makes a key and, unless spec says otherwise, plugs it in.
func (l *Lab) NewKey(ctx context.Context, spec KeySpec) (shown KeyShown, err error) {
	profile := KeyProfile{}
	switch {
	case spec.Custom != nil && spec.Profile != "":
		return shown, fmt.Errorf("the key has the profile %q and one of its own: give one of them", spec.Profile)
	case spec.Custom != nil:
		profile = *spec.Custom
	default:
		if profile, err = KeyProfileNamed(cmp.Or(spec.Profile, DefaultKeyProfile)); err != nil {
			return shown, err
		}
	}
	if err := errors.Join(profile.check(), spec.KeyElement.check()); err != nil {
		return shown, err
	}
	var k *key
	err = l.Do(ctx, func(w *sim.World) (err error) {
		if k, err = l.makeKey(w, spec, profile); err != nil {
			return err
		}
		shown = k.shown()
		return nil
	})
	if err != nil {
		return shown, err
	}
	if err := l.Save(ctx); err != nil {
		return KeyShown{}, errors.Join(err, l.Do(context.WithoutCancel(ctx), func(*sim.World) error { return l.bench.drop(k) }))
	}
	return shown, nil
}

func (l *Lab) makeKey(w *sim.World, spec KeySpec, profile KeyProfile) (*key, error) {
	l.state.Made++
	l.unsaved = true
	serial, err := l.newKeySerial(spec.Serial)
	if err != nil {
		return nil, err
	}
	s := SecurityKey{Serial: serial, Profile: profile, KeyElement: spec.KeyElement, Presence: spec.Presence, Image: l.state.Made,
		Flash: map[string][]byte{}}
	return l.startKey(w, s, spec.Unplugged)
}

// newKeySerial returns a serial that no key has: the one that is wanted, if any.
func (l *Lab) newKeySerial(wanted string) (string, error) {
	chance := l.chance.Derive("security key", fmt.Sprint(l.state.Made))
	for n := 0; wanted == ""; n++ {
		if s := chance.Derive("serial", fmt.Sprint(n)).Text(8, "0123456789"); l.bench.keys[s] == nil {
			wanted = s
		}
	}
	return wanted, l.bench.checkSerial(wanted)
}

// checkSerial reports why a new key cannot have a serial; "" is one that is drawn.
func (b *bench) checkSerial(wanted string) error {
	if wanted == "" {
		return nil
	}
	if b.keys[wanted] != nil {
		return fmt.Errorf("a key with the serial %q lies on the bench already: give another", wanted)
	}
	return checkKeySerial(wanted)
}

// startKey puts a new key on the bench and, unless it stays in the drawer, plugs it in.
func (l *Lab) startKey(w *sim.World, s SecurityKey, unplugged bool) (*key, error) {
	if err := l.forgetFlash(s); err != nil {
		return nil, err
	}
	k, err := l.layKey(w, s)
	if err != nil {
		return nil, err
	}
	w.Record("key.made", sim.String("serial", k.serial), sim.String("profile", s.Profile.Key.Name))
	if k.trouble == nil && !unplugged {
		k.trouble = k.plug(w, "")
		w.Record("key.plugged", sim.String("serial", k.serial))
	}
	if k.trouble != nil {
		return nil, errors.Join(k.trouble, l.bench.drop(k))
	}
	return k, nil
}

// layKey puts a key on the bench, without power. One whose flash cannot be read lies there and never gets any.
func (l *Lab) layKey(w *sim.World, s SecurityKey) (*key, error) {
	k := &key{lab: l, serial: s.Serial, profile: s.Profile, element: s.KeyElement, presence: s.Presence, image: s.Image, earlier: s.Earlier}
	if k.flash, k.close, k.trouble = l.openFlash(s); k.trouble != nil {
		k.flash, k.close, k.unread = &flash.Memory{}, func() error { return nil }, true
	}
	var err error
	if k.core, err = l.newCore(k, s.Profile.Key, k.flash); err != nil {
		return nil, errors.Join(err, k.close())
	}
	k.core.SetPresence(w.Now(), s.Presence)
	k.scripted = len(s.Fingers) > 0
	if err := k.core.SetFingers(w.Now(), s.Fingers); err != nil {
		return nil, errors.Join(err, k.close())
	}
	k.device = ctaphid.NewDevice(keyApp{k}, s.Profile.HID)
	l.bench.keys[s.Serial] = k
	l.bench.unsavedKeys[k] = true
	w.Add(k)
	return k, nil
}

// pull pulls out what is plugged in and returns it.
func (b *bench) pull(w *sim.World) []*key {
	var out []*key
	for _, k := range b.allKeys() {
		if k.port != nil {
			out, k.was = append(out, k), k.port.via
			k.unplug(w)
		}
	}
	return out
}

// plugIn plugs keys in.
func plugIn(w *sim.World, keys []*key) (err error) {
	for _, k := range keys {
		err = errors.Join(err, k.plug(w, k.was))
	}
	return err
}

// drop takes a key off the bench, for good where it was not saved.
func (b *bench) drop(k *key) error {
	k.unplug(b.world)
	for _, w := range k.seen {
		close(w.gone)
	}
	k.seen = nil
	b.world.Remove(k)
	delete(b.keys, k.serial)
	delete(b.unsavedKeys, k)
	return k.close()
}

// allKeys returns the keys in the order of their serials.
func (b *bench) allKeys() []*key {
	return slices.SortedFunc(maps.Values(b.keys), func(x, y *key) int { return cmp.Compare(x.serial, y.serial) })
}

// key returns the key with that serial; an empty one means the only key there is.
func (b *bench) key(serial string) (*key, error) {
	if k := b.keys[serial]; k != nil {
		return k, nil
	}
	switch {
	case serial != "":
		return nil, fmt.Errorf("%w: %q; `mfalab key list` shows what there is", ErrNoKey, serial)
	case len(b.keys) == 0:
		return nil, fmt.Errorf("%w: there is none; `mfalab key new` makes one", ErrNoKey)
	case len(b.keys) > 1:
		return nil, fmt.Errorf("there are %d keys: say which by its serial; `mfalab key list` shows them", len(b.keys))
	}
	return b.allKeys()[0], nil
}

// saved returns the key as its file keeps it.
func (k *key) saved() SecurityKey {
	s := SecurityKey{Serial: k.serial, Profile: k.profile, KeyElement: k.element, Presence: k.presence, Fingers: k.core.Fingers(), Image: k.image,
		Earlier: k.earlierCopy()}
	if k.port != nil {
		s.Plugged, s.Via = true, k.port.via
	}
	return s
}

func (k *key) shown() KeyShown {
	s := KeyShown{Serial: k.serial, Profile: k.profile.Key.Name, Name: k.profile.USB.Name, Plugged: k.port != nil,
		Presence: k.presence, Fingers: k.core.Fingers(), Summary: k.core.Summary(), Element: k.elementShown(false)}
	if k.port != nil {
		s.Node = k.port.node
		s.Unpowered = k.port.exported() && !k.port.lent
	}
	if r, ok := k.core.Waiting(); ok {
		s.Waiting = &r
	}
	if k.trouble != nil {
		s.Trouble = k.trouble.Error()
	}
	return s
}

// Keys returns what can be seen of every key.
func (l *Lab) Keys(ctx context.Context) ([]KeyShown, error) {
	list := []KeyShown{}
	return list, l.Do(ctx, func(*sim.World) error {
		for _, k := range l.bench.allKeys() {
			list = append(list, k.shown())
		}
		return nil
	})
}

// onKey runs f with a key, an empty serial meaning the only one, and returns what can be seen of it afterwards.
func (l *Lab) onKey(ctx context.Context, serial string, f func(w *sim.World, k *key) error) (shown KeyShown, err error) {
	err = l.Do(ctx, func(w *sim.World) error {
		k, err := l.bench.key(serial)
		if err != nil {
			return err
		}
		if err := f(w, k); err != nil {
			return err
		}
		k.settle(w)
		shown = k.shown()
		return nil
	})
	return shown, err
}

// ShowKey returns what can be seen of a key, and what it says of itself.
func (l *Lab) ShowKey(ctx context.Context, serial string) (KeyShown, error) {
	var info []ctap.Member
	var element *ElementShown
	shown, err := l.onKey(ctx, serial, func(_ *sim.World, k *key) error {
		info, element = k.core.Info(), k.elementShown(true)
		return nil
	})
	shown.Info, shown.Element = info, element
	return shown, err
}
