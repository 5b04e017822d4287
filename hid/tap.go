package hid

import "time"

// Tap returns device with a listener on the cable: see is told every report that passes, before device receives it and
// after it has handed it out. toHost says in which direction it travels; r is valid during the call.
func Tap(device Device, see func(now time.Time, toHost bool, r *Report)) Device {
	return tap{device, see}
}

type tap struct {
	Device
	see func(now time.Time, toHost bool, r *Report)
}

func (t tap) Receive(now time.Time, r *Report) {
	t.see(now, false, r)
	t.Device.Receive(now, r)
}

func (t tap) Transmit(now time.Time, r *Report) bool {
	ok := t.Device.Transmit(now, r)
	if ok {
		t.see(now, true, r)
	}
	return ok
}
