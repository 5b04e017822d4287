package client

import (
	"cmp"
	"errors"
	"slices"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// able meets every key and returns those that fit, and of those that do not why the first one does not.
func (c *Client) able(fits func(k *key) error) ([]*key, error) {
	var list []*key
	var reason error
	for i := range c.Keys {
		k, err := c.meet(i)
		if err == nil {
			err = fits(k)
		}
		if errors.Is(err, ErrAborted) {
			return nil, err
		}
		if err == nil {
			list = append(list, k)
		}
		reason = cmp.Or(reason, err)
	}
	switch {
	case len(list) > 0:
		return list, nil
	case reason == nil:
		return nil, refuse(NotAllowedError, "no key is plugged in")
	}
	return nil, reason
}

// pick returns the key that the user touches.
func (c *Client) pick(able []*key) (*key, error) {
	if len(able) == 1 || c.Pick == nil {
		return able[0], nil
	}
	var indexes []int
	for _, k := range able {
		indexes = append(indexes, k.index)
	}
	picked := c.Pick(indexes)
	i := slices.IndexFunc(able, func(k *key) bool { return k.index == picked })
	if i < 0 {
		return nil, refuse(NotAllowedError, "the user touches no key")
	}
	return able[i], nil
}

// creates reports why the key cannot make a credential with these options; nil: it can. See Section 5.1.3, step 25.
func (k *key) creates(o *creationOptions, params []ctap.CredentialParameter) error {
	wish := verification(o.Selection.UserVerification)
	es256 := slices.ContainsFunc(params, func(p ctap.CredentialParameter) bool { return p.Alg == -7 })
	needs := func(p string) bool { return protection[p] > 1 && o.Extensions.Enforce }
	blobs := o.Extensions.LargeBlob != nil && o.Extensions.LargeBlob.Support == required
	switch {
	case o.attachment() == platform && k.attached() != platform:
		return refuse(NotAllowedError, "the page wants an authenticator of the device itself, and the key is none")
	case o.attachment() == roaming && k.attached() != roaming:
		return refuse(NotAllowedError, "the page wants a key that can be taken along, and this one is part of the device")
	case o.Selection.resident() == required && !k.info.Options["rk"]:
		return refuse(NotAllowedError, "the key keeps no discoverable credentials")
	case wish == required && !k.info.Options["clientPin"] && !k.info.Options["uv"]:
		return refuse(NotAllowedError, "the user has to be verified, and the key has no PIN")
	case k.u2f && !es256:
		return refuse(NotSupportedError, "the key makes ES256 credentials only")
	case needs(o.Extensions.Protection) && !k.extends(extCredProtect):
		return refuse(NotAllowedError, "the key does not protect credentials, and the page enforces it")
	case blobs && !k.extends(extLargeBlob) && !k.arrays():
		return refuse(NotAllowedError, "the key keeps no large blobs, and the page requires them")
	}
	return nil
}

// signs reports why the key cannot sign with these options. See Section 5.1.4, step 20.
func (k *key) signs(o *requestOptions) error {
	switch {
	case k.u2f && verification(o.UserVerification) == required:
		return refuse(NotAllowedError, "the user has to be verified, and the key has no PIN")
	case len(o.Allow) == 0 && !k.info.Options["rk"]:
		return failed("no assertion was made", ctap.ErrNoCredentials)
	}
	return nil
}

// prefer puts the keys first that know a credential of the list: those blink where a browser has several. A single key is
// not asked for nothing.
func prefer(able []*key, rpID string, hash []byte, o *requestOptions) ([]*key, error) {
	if len(able) == 1 || len(o.Allow) == 0 {
		return able, nil
	}
	var know, rest []*key
	for _, k := range able {
		found, err := k.anyOf(rpID, hash, o)
		if err != nil {
			return nil, failed("the key does not say which credentials it has", err)
		}
		if found {
			know = append(know, k)
		} else {
			rest = append(rest, k)
		}
	}
	return append(know, rest...), nil
}

func (k *key) anyOf(rpID string, hash []byte, o *requestOptions) (bool, error) {
	if k.u2f {
		id, err := k.owns(hash, hashOf(rpID), o.Allow)
		return id != nil, err
	}
	list, err := k.narrow(rpID, hash, o.Allow, false)
	for _, part := range k.batches(list) {
		found, err := k.knows(rpID, hash, part)
		if found != nil || err != nil {
			return found != nil, err
		}
	}
	return false, err
}
