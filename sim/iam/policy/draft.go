package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Purpose says what a drafted policy is there for.
type Purpose string

// The purposes. Each is one of the canonical policies of Section 4.4 without its trap.
const (
	// ForceMFA denies everything without MFA but what a user needs to enrol a device: policies 1 to 3.
	ForceMFA Purpose = "force"
	// DenyWithoutMFA denies some actions without MFA, whatever else allows them.
	DenyWithoutMFA Purpose = "deny"
	// AllowWithMFA allows some actions with MFA only: policy 7. Another Allow of the same undoes it.
	AllowWithMFA Purpose = "allow"
	// AssumeWithMFA lets principals assume a role with MFA only: policy 5.
	AssumeWithMFA Purpose = "role"
	// BucketWithMFA denies a bucket's objects without MFA: policy 6.
	BucketWithMFA Purpose = "bucket"
)

// Purposes lists the purposes in the order in which people are asked.
func Purposes() []Purpose {
	return []Purpose{ForceMFA, DenyWithoutMFA, AllowWithMFA, AssumeWithMFA, BucketWithMFA}
}

// A Draft says what must need MFA, and how fresh.
type Draft struct {
	Purpose Purpose
	// Actions are what needs MFA: at least one for DenyWithoutMFA and AllowWithMFA; BucketWithMFA takes "s3:*" for none.
	Actions []string
	// Resources are what Actions are about; none means all. For BucketWithMFA they are buckets, such as "records", or parts
	// of one, such as "records/taxes/*", and at least one is needed.
	Resources []string
	// Principals are who may assume the role: account numbers and ARNs.
	Principals []string
	// Within is how long ago the MFA may be, in whole seconds; 0 means that any will do.
	Within time.Duration
}

// Kind returns the kind of the drafted document.
func (d Draft) Kind() Kind {
	switch d.Purpose {
	case AssumeWithMFA:
		return Trust
	case BucketWithMFA:
		return Resource
	}
	return Identity
}

// Text returns the policy, indented by two. The error says what the draft lacks, or is the *Error that the real service
// would refuse the document with.
func (d Draft) Text() (string, error) {
	if err := d.check(); err != nil {
		return "", err
	}
	document := Document{Version: Version2012, Statements: d.statements()}
	text := document.JSON()
	if _, err := Parse(d.Kind(), text); err != nil {
		return "", err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(text), "", "  "); err != nil {
		return "", err
	}
	return out.String() + "\n", nil
}

func (d Draft) check() error {
	switch {
	case !slices.Contains(Purposes(), d.Purpose):
		return fmt.Errorf("the purpose %q is not known: %v", d.Purpose, Purposes())
	case d.Within < 0 || d.Within%time.Second != 0:
		return fmt.Errorf("an age of %v is not of whole seconds", d.Within)
	case len(d.Actions) == 0 && (d.Purpose == DenyWithoutMFA || d.Purpose == AllowWithMFA):
		return errors.New(`no action is named: give at least one, such as "ec2:TerminateInstances"`)
	case len(d.Resources) == 0 && d.Purpose == BucketWithMFA:
		return errors.New(`no bucket is named: give one, such as "records", or a part of one, such as "records/taxes/*"`)
	case len(d.Principals) == 0 && d.Purpose == AssumeWithMFA:
		return errors.New("nobody is named who may assume the role: give account numbers or ARNs")
	}
	return nil
}

func (d Draft) statements() []Statement {
	switch d.Purpose {
	case DenyWithoutMFA:
		return []Statement{{Sid: "DenyWithout" + d.mfa(), Effect: Deny, Actions: d.Actions, Resources: d.resources(), Conditions: d.without()}}
	case AllowWithMFA:
		return []Statement{{Sid: "AllowWith" + d.mfa(), Effect: Allow, Actions: d.Actions, Resources: d.resources(), Conditions: d.with()}}
	case AssumeWithMFA:
		s := Statement{Sid: "AssumeWith" + d.mfa(), Effect: Allow, Actions: []string{"sts:AssumeRole"}, Conditions: d.with()}
		for _, p := range d.Principals {
			s.Principals = append(s.Principals, Principal{"AWS", p})
		}
		return []Statement{s}
	case BucketWithMFA:
		actions := d.Actions
		if len(actions) == 0 {
			actions = []string{"s3:*"}
		}
		return []Statement{{Sid: "DenyWithout" + d.mfa(), Effect: Deny, Principals: []Principal{{"*", "*"}}, Actions: actions,
			Resources: d.buckets(), Conditions: d.without()}}
	}
	return d.force()
}

// ownUser is the caller's own user. A device is named after it, as the console's wizard does.
const (
	ownUser   = "arn:aws:iam::*:user/${aws:username}"
	ownDevice = "arn:aws:iam::*:mfa/${aws:username}"
)

// force is the policy 1 of Section 4.4 with its two traps mended: an expired password can be changed, and the device that
// a cancelled wizard left can be deleted. Deleting takes no device away that is in use, and deactivating one needs MFA.
func (d Draft) force() []Statement {
	enrol := []string{"iam:EnableMFADevice", "iam:GetMFADevice", "iam:ListMFADevices", "iam:ResyncMFADevice"}
	device := []string{"iam:CreateVirtualMFADevice", "iam:DeleteVirtualMFADevice"}
	list := []string{"iam:GetAccountPasswordPolicy", "iam:ListVirtualMFADevices"}
	password := []string{"iam:ChangePassword", "iam:GetUser"}
	return []Statement{
		{Sid: "AllowLooking", Effect: Allow, Actions: list, Resources: []string{"*"}},
		{Sid: "AllowOwnPassword", Effect: Allow, Actions: password, Resources: []string{ownUser}},
		{Sid: "AllowOwnVirtualDevice", Effect: Allow, Actions: device, Resources: []string{ownDevice}},
		{Sid: "AllowEnrolling", Effect: Allow, Actions: enrol, Resources: []string{ownUser}},
		{Sid: "AllowDeactivatingWithMFA", Effect: Allow, Actions: []string{"iam:DeactivateMFADevice"}, Resources: []string{ownUser},
			Conditions: []Condition{present("Bool", "true")}},
		{Sid: "DenyTheRestWithout" + d.mfa(), Effect: Deny, NotAction: true,
			Actions:   slices.Sorted(slices.Values(slices.Concat(list, password, device, enrol, []string{"sts:GetSessionToken"}))),
			Resources: []string{"*"}, Conditions: d.without()},
	}
}

// mfa is how Sids call what is asked for.
func (d Draft) mfa() string {
	if d.Within > 0 {
		return "FreshMFA"
	}
	return "MFA"
}

func present(operator, value string) Condition {
	return Condition{Operator: operator, Key: MFAPresent, Values: []string{value}}
}

func (d Draft) age(operator string) Condition {
	return Condition{Operator: operator, Key: MFAAge, Values: []string{strconv.FormatInt(int64(d.Within/time.Second), 10)}}
}

// with is the condition of an Allow: a key that is missing does not meet it.
func (d Draft) with() []Condition {
	if d.Within > 0 {
		return []Condition{d.age("NumericLessThanEquals")}
	}
	return []Condition{present("Bool", "true")}
}

// without is the condition of a Deny: a key that is missing meets it.
func (d Draft) without() []Condition {
	if d.Within > 0 {
		return []Condition{d.age("NumericGreaterThanIfExists")}
	}
	return []Condition{present("BoolIfExists", "false")}
}

func (d Draft) resources() []string {
	if len(d.Resources) == 0 {
		return []string{"*"}
	}
	return d.Resources
}

// buckets returns the ARNs of buckets by name. A bucket as a whole is itself and all that is in it.
func (d Draft) buckets() []string {
	var list []string
	for _, b := range d.Resources {
		arn := "arn:aws:s3:::" + strings.TrimPrefix(b, "arn:aws:s3:::")
		list = append(list, arn)
		if !strings.Contains(arn, "/") {
			list = append(list, arn+"/*")
		}
	}
	return list
}
