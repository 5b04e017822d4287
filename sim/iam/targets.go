package iam

import (
	"strings"

	"github.com/mfalab/mfalab/sim/iam/policy"
)

// What IAM's operations act on, and what a denial calls it: Service Authorization Reference, "Actions, resources, and
// condition keys for AWS Identity and Access Management". A thing that is there goes by its ARN, path and all; one that is
// not by the ARN that its name alone makes, so that a denial tells nobody whether it exists. Denials name users, roles and
// groups by a word and the name (seen).

// iamARN returns an ARN of IAM in this account.
func (s *Service) iamARN(rest string) string { return "arn:aws:iam::" + s.Account() + ":" + rest }

// onUser is the user that the call names, or the caller.
func onUser(o *operating) (target, error) {
	u, t, err := o.userTarget()
	if u != nil {
		t.set = tagged(u.Tags)
	}
	return t, err
}

// onPoliciedUser is onUser for operations that ask for the user's boundary.
func onPoliciedUser(o *operating) (target, error) {
	u, t, err := o.userTarget()
	if u != nil {
		t.set = withBoundary(o, u.Tags, u.Boundary)
	}
	return t, err
}

// userTarget returns the user that the call names or the caller, nil where there is none, as a target.
func (o *operating) userTarget() (*User, target, error) {
	name := o.param("UserName")
	if name == "" {
		u, err := userWithID(o.Tx, holder(o.Caller))
		if err != nil || u == nil || u.Name == "" {
			return nil, target{arn: o.Caller.ARN}, err
		}
		return u, target{arn: u.arn(o.Service.Account()), shown: "user " + u.Name}, nil
	}
	u := &User{}
	found, err := get(o.Tx, kindUser, lower(name), u)
	if err != nil || !found {
		return nil, target{arn: o.iamARN("user/" + name), shown: "user " + name}, err
	}
	o.read = u
	return u, target{arn: u.arn(o.Service.Account()), shown: "user " + name}, nil
}

// onNewUser is the user that the call makes.
func onNewUser(o *operating) (target, error) {
	return target{arn: o.iamARN("user" + o.pathOr("Path") + o.param("UserName")), set: withBoundary(o, nil, "")}, nil
}

// pathOr returns the path in a parameter, "/" where it is left out; what is wrong with it is the operation's to say.
func (o *operating) pathOr(name string) string {
	if p := o.param(name); p != "" {
		return p
	}
	return "/"
}

// onKeyOwner is the user whose access key the call names.
func onKeyOwner(o *operating) (target, error) {
	k := &AccessKey{}
	found, err := get(o.Tx, kindKey, o.param("AccessKeyId"), k)
	if err != nil {
		return target{}, err
	}
	var u *User
	if found {
		if u, err = userWithID(o.Tx, k.UserID); err != nil {
			return target{}, err
		}
	}
	if u == nil {
		return target{arn: o.iamARN("user/")}, nil
	}
	return target{arn: u.arn(o.Service.Account()), shown: "user " + u.Name, set: tagged(u.Tags)}, nil
}

// onDevice is the MFA device that the call names by its serial number.
func onDevice(o *operating) (target, error) {
	serial := o.param("SerialNumber")
	d := &device{}
	if _, err := get(o.Tx, kindDevice, serial, d); err != nil {
		return target{}, err
	}
	if !strings.HasPrefix(serial, "arn:") {
		serial = o.iamARN("mfa/" + serial)
	}
	return target{arn: serial, set: tagged(d.Tags)}, nil
}

// onNewDevice is the virtual device that the call makes.
func onNewDevice(o *operating) (target, error) {
	return target{arn: o.iamARN("mfa" + o.pathOr("Path") + o.param("VirtualMFADeviceName"))}, nil
}

// onDeviceOwner is the user that the call names, or whose the device is.
func onDeviceOwner(o *operating) (target, error) {
	if o.param("UserName") == "" {
		d := &device{}
		if _, err := get(o.Tx, kindDevice, o.param("SerialNumber"), d); err != nil {
			return target{}, err
		}
		if d.UserID != "" && d.UserID != Root {
			u, err := userWithID(o.Tx, d.UserID)
			if err != nil {
				return target{}, err
			}
			if u != nil {
				return target{arn: u.arn(o.Service.Account()), shown: "user " + u.Name, set: tagged(u.Tags)}, nil
			}
		}
	}
	return onUser(o)
}

// onAll is what a list of that kind is of: everything below a path.
func onAll(kind string) func(*operating) (target, error) {
	return func(o *operating) (target, error) {
		return target{arn: o.iamARN(kind + o.pathOr("PathPrefix"))}, nil
	}
}

// withBoundary sets the keys of a resource's tags and its permissions boundary: the one that the call asks for, or the one
// that the resource has.
func withBoundary(o *operating, tags []Tag, has string) func(*policy.Context) {
	tags0, arn := tagged(tags), o.param("PermissionsBoundary")
	if arn == "" {
		arn = has
	}
	return func(c *policy.Context) {
		if tags0 != nil {
			tags0(c)
		}
		if arn != "" {
			c.Set(policy.IAMPermissionBoundary, arn)
		}
	}
}

// passed sets the keys of what the call passes: tags, and the ARN of a policy to attach.
func (o *operating) passed(op *operation, c *policy.Context) {
	for _, p := range op.params {
		switch {
		case p.shape.kind == tagList || p.shape.kind == keyList:
			tags := tagsIn(p.name, o.Call)
			var keys []string
			for _, t := range tags {
				if p.shape.kind == tagList {
					c.Set(policy.RequestTag(t.Key), t.Value)
				}
				keys = append(keys, t.Key)
			}
			c.Set(policy.TagKeys, keys...)
		case p.name == "PolicyArn" && o.param("PolicyArn") != "":
			c.Set(policy.IAMPolicyARN, o.param("PolicyArn"))
		}
	}
}
