package client

import "slices"

// From the specification, Section 5.8.7: what a relying party thinks its users have. Others are not known, and ignored.
const (
	hintSecurityKey  = "security-key"
	hintClientDevice = "client-device"
	hintHybrid       = "hybrid"
)

// attachments are the hints that there are, with the authenticatorAttachment that each goes with. See Section 5.8.7.
var attachments = map[string]string{hintSecurityKey: roaming, hintClientDevice: platform, hintHybrid: roaming}

// attachment returns which authenticatorAttachment the page insists on, "" where it does not: one that is not known counts
// as missing (Section 5.4.4), and one that a hint contradicts gives way (Section 5.8.7).
func (o *creationOptions) attachment() string {
	want := o.Selection.Attachment
	if want != platform && want != roaming {
		return ""
	}
	for _, hint := range o.Hints {
		if a := attachments[hint]; a != "" && a != want {
			return ""
		}
	}
	return want
}

// kind returns which hint means the key, by the ways to it that it names itself: "internal" is part of the device that the
// client runs on, "hybrid" alone is a phone. See Section 5.8.4 and CTAP Section 6.4 (transports, plat).
func (k *key) kind() string {
	switch {
	case k.info.Options["plat"], slices.Contains(k.info.Transports, "internal"):
		return hintClientDevice
	case slices.Equal(k.info.Transports, []string{"hybrid"}):
		return hintHybrid
	}
	return hintSecurityKey
}

// attached is the authenticatorAttachment of the key. See Section 5.4.5.
func (k *key) attached() string { return attachments[k.kind()] }

// inOrder sorts keys as the page's hints have it, the preferred kind first; keys that no hint means come last. A hint
// keeps nobody from using another key. See Section 5.8.7.
func inOrder(able []*key, hints []string) []*key {
	known := slices.DeleteFunc(slices.Clone(hints), func(hint string) bool { return attachments[hint] == "" })
	if len(known) == 0 || len(able) == 1 {
		return able
	}
	rank := func(k *key) int {
		if i := slices.Index(known, k.kind()); i >= 0 {
			return i
		}
		return len(known)
	}
	slices.SortStableFunc(able, func(a, b *key) int { return rank(a) - rank(b) })
	return able
}
