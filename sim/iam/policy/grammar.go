package policy

import (
	"fmt"
	"slices"
	"strings"
)

// wellFormed judges a document whose syntax is right, in the order in which the real service was seen to answer (AWS MFA,
// Appendix B): the version, what the older parser refuses, the Sids, the actions, the resources, the vendors.
func wellFormed(d *Document, effects []string) error {
	for _, judge := range []func(*Document, []string) *Error{
		version, principalElements, legacy, sids, actionsPresent, resourceForms, actionForms, resourcesPresent, trustOnly,
	} {
		if err := judge(d, effects); err != nil {
			return err
		}
	}
	return nil
}

// version is strict for what is stored in IAM as a policy of its own or of an identity. Roles, buckets and sessions may
// still use the older language.
func version(d *Document, _ []string) *Error {
	if (d.Kind == Identity || d.Kind == Boundary) && d.Version != Version2012 {
		return refuse(d.Kind, oldVersion, fmt.Sprintf("the version is %q: write %s", d.Version, Version2012))
	}
	return nil
}

// principalElements judges who may be named where: identity policies speak of whom they are attached to.
func principalElements(d *Document, _ []string) *Error {
	for i := range d.Statements {
		s := &d.Statements[i]
		switch {
		case !d.Kind.granted() && s.Principals != nil:
			return refuse(d.Kind, prohibitedPrincipal, ordinal(i)+" has a Principal")
		case !d.Kind.granted():
			continue
		case s.Principals == nil:
			return refuse(d.Kind, missingPrincipal, ordinal(i)+" has no Principal")
		}
		for _, p := range s.Principals {
			if !p.wellFormed() {
				return refuse(d.Kind, badPrincipal, fmt.Sprintf("%s names the principal %q %q", ordinal(i), p.Type, p.Name), p.Type, p.Name)
			}
		}
	}
	return nil
}

// legacy is what the older of the real service's two parsers refuses without saying why: an effect in another case, a
// date that is none, an ARN with holes.
func legacy(d *Document, effects []string) *Error {
	for i := range d.Statements {
		s := &d.Statements[i]
		if effects[i] != string(s.Effect) {
			return refuse(d.Kind, failedLegacy, fmt.Sprintf("%s has the effect %q: write %s", ordinal(i), effects[i], s.Effect))
		}
		for _, c := range s.Conditions {
			for _, v := range c.Values {
				if _, ok := parseDate(v); c.op.family == dates && !ok {
					return refuse(d.Kind, failedLegacy, fmt.Sprintf("%s compares %s with %q, which is no date", ordinal(i), c.Key, v))
				}
			}
		}
	}
	if f := firstBadResource(d); f != nil && f.fault == failedLegacy {
		return f.refuse(d.Kind)
	}
	return nil
}

// sids judges the labels: unique everywhere, and in policies of identities of letters and digits only.
func sids(d *Document, _ []string) *Error {
	seen := map[string]bool{}
	for i := range d.Statements {
		sid := d.Statements[i].Sid
		if sid != "" && seen[sid] {
			return refuse(d.Kind, sidTwice, fmt.Sprintf("%q stands twice", sid))
		}
		seen[sid] = true
	}
	for i := range d.Statements {
		sid := d.Statements[i].Sid
		if !d.Kind.granted() && strings.IndexFunc(sid, func(r rune) bool { return !alphanumeric(r) }) >= 0 {
			return refuse(d.Kind, sidLetters, fmt.Sprintf("%s has the Sid %q", ordinal(i), sid))
		}
	}
	return nil
}

func alphanumeric(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

// actionsPresent wants an action or NotAction in every statement; an empty list is none (recorded).
func actionsPresent(d *Document, _ []string) *Error {
	for i := range d.Statements {
		if len(d.Statements[i].Actions) == 0 {
			return refuse(d.Kind, noActions, ordinal(i)+" has no Action")
		}
	}
	return nil
}

// resourcesPresent wants resources in every statement. It comes after the forms of the actions: of two faults the real
// service named the action's (recorded).
func resourcesPresent(d *Document, _ []string) *Error {
	for i := range d.Statements {
		if d.Kind != Trust && len(d.Statements[i].Resources) == 0 {
			return refuse(d.Kind, noResources, ordinal(i)+" has no Resource")
		}
	}
	return nil
}

// resourceForms judges the resources that the older parser let pass.
func resourceForms(d *Document, _ []string) *Error {
	if f := firstBadResource(d); f != nil {
		return f.refuse(d.Kind)
	}
	return nil
}

// actionForms judges the part of an action before the colon; what comes after it may be anything.
func actionForms(d *Document, _ []string) *Error {
	for i := range d.Statements {
		for _, a := range d.Statements[i].Actions {
			vendor, name, colon := strings.Cut(a, ":")
			detail := fmt.Sprintf("%s has the action %q: write it as iam:GetUser", ordinal(i), a)
			switch {
			case a == "*":
			case !colon:
				return refuse(d.Kind, actionNoVendor, detail)
			case strings.Contains(name, ":"):
				return refuse(d.Kind, actionColons, detail)
			case vendor != "*" && strings.IndexFunc(vendor, func(r rune) bool { return !alphanumeric(r) && r != '-' && r != '.' }) >= 0:
				return refuse(d.Kind, actionVendor, detail, vendor)
			}
		}
	}
	return nil
}

// trustVerbs are the actions that a trust policy may speak of, and their beginnings (AWS STS API Reference).
var trustVerbs = []string{"sts:assumerole", "sts:tagsession", "sts:setsourceidentity", "sts:setcontext"}

// trustOnly judges what only a trust policy may not have: resources, for the role is meant, and actions that do not assume it.
func trustOnly(d *Document, _ []string) *Error {
	for i := range d.Statements {
		s := &d.Statements[i]
		if d.Kind != Trust {
			continue
		}
		if s.Resources != nil {
			element := strings.Trim(not(s.NotResource, "Resource"), `"`)
			return refuse(d.Kind, prohibitedElement, ordinal(i)+" has a "+element+": the role is meant", element)
		}
		for _, a := range s.Actions {
			if !slices.ContainsFunc(trustVerbs, func(v string) bool { return strings.HasPrefix(strings.ToLower(a), v) }) {
				return refuse(d.Kind, trustActions, fmt.Sprintf("%s has the action %q", ordinal(i), a))
			}
		}
	}
	return nil
}
