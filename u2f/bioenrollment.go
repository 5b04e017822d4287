package u2f

import (
	"slices"
	"time"
	"unicode/utf8"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// enrolment is one row of the table of Section 6.7: what a subcommand needs, and what it does with a request that has it
// and is authorized.
type enrolment struct {
	name    string
	section string
	bare    bool // no pinUvAuthParam
	needs   func(r *ctap.BioEnrollmentRequest) bool
	run     func(k *Key, now time.Time, r *ctap.BioEnrollmentRequest) ([]byte, error)
}

var enrolments = [...]enrolment{
	ctap.EnrollBegin: {name: "enrollBegin", section: "6.7.4", run: (*Key).enrollBegin},
	ctap.EnrollCaptureNextSample: {name: "enrollCaptureNextSample", section: "6.7.4", run: (*Key).captureNextSample,
		needs: func(r *ctap.BioEnrollmentRequest) bool { return r.TemplateID != nil }},
	ctap.CancelCurrentEnrollment: {name: "cancelCurrentEnrollment", section: "6.7.5", bare: true, run: (*Key).cancelEnrollment},
	ctap.EnumerateEnrollments:    {name: "enumerateEnrollments", section: "6.7.6", run: (*Key).enumerateEnrollments},
	ctap.SetFriendlyName: {name: "setFriendlyName", section: "6.7.7", run: (*Key).setFriendlyName,
		needs: func(r *ctap.BioEnrollmentRequest) bool { return r.TemplateID != nil && r.FriendlyName != nil }},
	ctap.RemoveEnrollment: {name: "removeEnrollment", section: "6.7.8", run: (*Key).removeEnrollment,
		needs: func(r *ctap.BioEnrollmentRequest) bool { return r.TemplateID != nil }},
	ctap.GetFingerprintSensorInfo: {name: "getFingerprintSensorInfo", section: "6.7.3", bare: true, run: (*Key).sensorInfo},
}

// An enrolling is what enrollBegin leaves behind. It belongs to its channel, and any other command ends it. See Sections 6
// and 6.7.4.
type enrolling struct {
	id      [templateIDSize]byte
	finger  string // of the first good sample
	left    int    // good samples that are still to be taken
	channel uint32
	until   time.Time
}

// bioEnrollment implements authenticatorBioEnrollment and, by its number of before 2.1, its prototype. See Sections 6.7
// and 6.12, whose order of checks is that of the errors.
func (k *Key) bioEnrollment(now time.Time, req []byte) ([]byte, error) {
	r, err := ctap.ParseBioEnrollmentRequest(req)
	switch {
	case err != nil:
		return nil, err
	case r.Subcommand == 0 && r.GetModality: // Section 6.7.2
		return answerBio(ctap.BioEnrollmentResponse{Modality: ctap.Fingerprint})
	case r.Subcommand >= ctap.BioEnrollmentSubcommand(len(enrolments)) || enrolments[r.Subcommand].run == nil:
		return nil, k.profile.SubcommandError
	case r.Modality == nil:
		return nil, ctap.ErrMissingParameter
	case *r.Modality != ctap.Fingerprint:
		return nil, ctap.ErrInvalidParameter
	}
	e := &enrolments[r.Subcommand]
	if e.needs != nil && !e.needs(&r) {
		return nil, ctap.ErrMissingParameter
	}
	if !e.bare {
		if err := k.authorizeEnrolment(now, &r); err != nil {
			return nil, err
		}
	}
	return e.run(k, now, &r)
}

func answerBio(answer ctap.BioEnrollmentResponse) ([]byte, error) { return answer.Append(nil), nil }

// authorizeEnrolment checks pinUvAuthParam. See Section 6.7.4, steps 1 to 5, and their like in Sections 6.7.6 to 6.7.8.
func (k *Key) authorizeEnrolment(now time.Time, r *ctap.BioEnrollmentRequest) error {
	switch {
	case r.UVAuthParam == nil:
		return ctap.ErrPUATRequired
	case r.Protocol == nil:
		return ctap.ErrMissingParameter
	case !slices.Contains(k.profile.PINUVAuthProtocols, *r.Protocol):
		return ctap.ErrInvalidParameter
	}
	_, err := k.authorize(now, *r.Protocol, r.UVAuthParam, r.Message(r.Params), byte(ctap.PermissionBE), "")
	return err
}

// sensorInfo implements getFingerprintSensorInfo. See Section 6.7.3.
func (k *Key) sensorInfo(time.Time, *ctap.BioEnrollmentRequest) ([]byte, error) {
	s := &k.profile.Sensor
	kind := uint64(kindTouch)
	if s.Swipe {
		kind = kindSwipe
	}
	return answerBio(ctap.BioEnrollmentResponse{Modality: ctap.Fingerprint, FingerprintKind: kind,
		Samples: uint64(s.Samples), MaxFriendlyName: uint64(s.MaxName)})
}

// From the specification: fingerprintKind, Section 6.7.3.
const (
	kindTouch = 1
	kindSwipe = 2
)

// enrollBegin implements enrollBegin: what was begun before is cancelled, and the first sample is taken. See Section
// 6.7.4.
func (k *Key) enrollBegin(now time.Time, r *ctap.BioEnrollmentRequest) ([]byte, error) {
	if len(k.uv.templates) >= k.profile.Sensor.Templates {
		return nil, ctap.ErrFPDatabaseFull
	}
	k.uv.enrolling = &enrolling{id: k.newTemplateID(), left: k.profile.Sensor.Samples, channel: k.channel}
	return k.sample(now, r, true)
}

// captureNextSample implements enrollCaptureNextSample. See Section 6.7.4.
func (k *Key) captureNextSample(now time.Time, r *ctap.BioEnrollmentRequest) ([]byte, error) {
	switch e := k.uv.enrolling; {
	case e == nil || e.channel != k.channel:
		return nil, ctap.ErrNotAllowed
	case !now.Before(e.until):
		k.uv.enrolling = nil
		return nil, ctap.ErrNotAllowed
	case string(e.id[:]) != string(r.TemplateID):
		return nil, ctap.ErrInvalidParameter
	}
	return k.sample(now, r, false)
}

// sample waits for a finger and answers what became of it. That nobody comes is an answer too. See Section 6.7.4.
func (k *Key) sample(now time.Time, r *ctap.BioEnrollmentRequest, first bool) ([]byte, error) {
	patience := time.Duration(k.profile.TouchTimeout)
	if r.Timeout != nil {
		patience = min(time.Duration(min(*r.Timeout, uint64(time.Duration(mostWait)/time.Millisecond)))*time.Millisecond, time.Duration(mostWait))
	}
	e := k.uv.enrolling
	e.until = now.Add(patience + time.Duration(k.profile.NextAssertion))
	return k.awaitFinger(now, Request{Command: nameBioEnrollment}, wantsSample, patience,
		func(now time.Time, f Finger, err error) ([]byte, error) {
			if err == ctap.ErrOperationDenied {
				return nil, err
			}
			status := ctap.SampleNoActivity
			if err == nil {
				status = k.judge(e, f)
			}
			if status == ctap.SampleGood {
				if e.left--; e.left == 0 {
					if err := k.enrol(now, e); err != nil {
						return nil, err
					}
				}
			}
			e.until = now.Add(time.Duration(k.profile.NextAssertion))
			k.observe(Event{Name: SampleTaken, At: now, Command: nameBioEnrollment, Finger: f.Name,
				Sample: Sample(status).String(), Left: e.left})
			answer := ctap.BioEnrollmentResponse{LastSample: &status, RemainingSamples: new(uint64(e.left))}
			if first {
				answer.TemplateID = e.id[:]
			}
			return answerBio(answer)
		})
}

// judge says what became of a finger on the sensor: another than that of the samples before cannot be merged with them,
// and one that is enrolled is known.
func (k *Key) judge(e *enrolling, f Finger) ctap.SampleStatus {
	switch {
	case f.Sample != Sample(ctap.SampleGood):
		return ctap.SampleStatus(f.Sample)
	case k.templateOf(f.Name) >= 0:
		return ctap.SampleExists
	case e.finger != "" && e.finger != f.Name:
		return ctap.SampleMergeFailure
	}
	e.finger = f.Name
	return ctap.SampleGood
}

// enrol stores the fingerprint whose last sample was taken: one write.
func (k *Key) enrol(now time.Time, e *enrolling) error {
	k.uv.enrolling = nil
	t := template{id: e.id, finger: e.finger}
	for _, other := range k.uv.templates {
		t.created = max(t.created, other.created+1)
	}
	if err := k.keepTemplate(t); err != nil {
		return err
	}
	k.observe(Event{Name: Enrolled, At: now, Command: nameBioEnrollment, Finger: t.finger})
	return nil
}

// cancelEnrollment implements cancelCurrentEnrollment, which any channel may that has begun one. See Section 6.7.5.
func (k *Key) cancelEnrollment(time.Time, *ctap.BioEnrollmentRequest) ([]byte, error) {
	if e := k.uv.enrolling; e != nil && e.channel == k.channel {
		k.uv.enrolling = nil
	}
	return nil, nil
}

// enumerateEnrollments implements enumerateEnrollments. See Section 6.7.6.
func (k *Key) enumerateEnrollments(time.Time, *ctap.BioEnrollmentRequest) ([]byte, error) {
	if len(k.uv.templates) == 0 {
		return nil, ctap.ErrInvalidOption
	}
	var answer ctap.BioEnrollmentResponse
	for _, t := range k.uv.templates {
		answer.Templates = append(answer.Templates, ctap.Template{ID: t.id[:], FriendlyName: t.name})
	}
	return answerBio(answer)
}

// setFriendlyName implements setFriendlyName: one write. See Section 6.7.7.
func (k *Key) setFriendlyName(_ time.Time, r *ctap.BioEnrollmentRequest) ([]byte, error) {
	at := k.templateWithID(r.TemplateID)
	switch {
	case len(*r.FriendlyName) > k.profile.Sensor.MaxName || !utf8.ValidString(*r.FriendlyName):
		return nil, ctap.ErrInvalidLength
	case at < 0:
		return nil, ctap.ErrInvalidOption
	}
	renamed := k.uv.templates[at]
	renamed.name = *r.FriendlyName
	return nil, k.keepTemplate(renamed)
}

// removeEnrollment implements removeEnrollment: one write. See Section 6.7.8.
func (k *Key) removeEnrollment(now time.Time, r *ctap.BioEnrollmentRequest) ([]byte, error) {
	at := k.templateWithID(r.TemplateID)
	if at < 0 {
		return nil, ctap.ErrInvalidOption
	}
	gone := k.uv.templates[at]
	if err := k.flash.Delete(gone.record()); err != nil {
		k.fault = k.loadTemplates() // it may have happened or not
		return nil, err
	}
	k.uv.templates = slices.Delete(k.uv.templates, at, at+1)
	k.observe(Event{Name: Removed, At: now, Command: nameBioEnrollment, Finger: gone.finger})
	return nil, nil
}
