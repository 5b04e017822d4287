package iam_test

import (
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

const badCodes = "403 InvalidAuthenticationCode Authentication code for device is not valid."

func TestCreateVirtualMFADevice(t *testing.T) {
	c := newCounter(t)
	create := func(c *clerk, params ...string) string { return c.must("CreateVirtualMFADevice", params...) }
	answer := create(c.clerk, "VirtualMFADeviceName", "Phone")
	serial := "arn:aws:iam::123456789012:mfa/Phone"
	secret, err := base64.StdEncoding.DecodeString(field(answer, "Base32StringSeed"))
	require.NoError(t, err)

	t.Run("an answer has the three recorded fields", func(t *testing.T) {
		require.Regexp(t, `^<VirtualMFADevice><SerialNumber>`+serial+`</SerialNumber><Base32StringSeed>[\w+/=]+</Base32StringSeed>`+
			`<QRCodePNG>[\w+/=]+</QRCodePNG></VirtualMFADevice>$`, answer)
	})
	t.Run("the seed is 40 bytes, 64 characters without padding", func(t *testing.T) {
		require.Regexp(t, `^[A-Z2-7]{64}$`, string(secret))
	})
	t.Run("the picture says the URI, with the account's number for root", func(t *testing.T) {
		require.Equal(t, "otpauth://totp/Phone@123456789012?secret="+string(secret), readQR(t, field(answer, "QRCodePNG")))
	})
	t.Run("the picture says the URI, with the caller's name, for the longest names, too", func(t *testing.T) {
		name := strings.Repeat("w+=,.@-_", 27) // 216 characters, 256 in the serial number
		long := create(c.as("bob"), "VirtualMFADeviceName", name)
		secret, err := base64.StdEncoding.DecodeString(field(long, "Base32StringSeed"))
		require.NoError(t, err)
		require.Equal(t, "otpauth://totp/"+name+"@bob?secret="+string(secret), readQR(t, field(long, "QRCodePNG")))
	})
	t.Run("the seed makes the codes that enable it", func(t *testing.T) {
		seed, err := base32.StdEncoding.DecodeString(string(secret))
		require.NoError(t, err)
		n := c.now.Unix() / 30
		c.must("EnableMFADevice", append(codes(codeOf(seed, n-1), codeOf(seed, n)), "UserName", "bob", "SerialNumber", serial)...)
	})
	t.Run("a path is part of the serial number", func(t *testing.T) {
		require.Equal(t, "arn:aws:iam::123456789012:mfa/test//double/Phone",
			field(create(c.clerk, "VirtualMFADeviceName", "Phone", "Path", "/test//double/"), "SerialNumber"))
	})
	t.Run("seeds differ, and the same world makes the same ones", func(t *testing.T) {
		a, b := newCounter(t), newCounter(t)
		require.Equal(t, create(a.clerk, "VirtualMFADeviceName", "x"), create(b.clerk, "VirtualMFADeviceName", "x"))
		require.NotEqual(t, field(create(a.clerk, "VirtualMFADeviceName", "y"), "Base32StringSeed"),
			field(create(a.clerk, "VirtualMFADeviceName", "z"), "Base32StringSeed"))
	})
	t.Run("a seed is never shown again", func(t *testing.T) {
		for _, answer := range []string{c.must("ListVirtualMFADevices"), c.must("GetMFADevice", "SerialNumber", serial)} {
			require.NotContains(t, answer, "Base32")
			require.NotContains(t, answer, string(secret))
		}
	})
}

func TestCreateVirtualMFADeviceRefusals(t *testing.T) {
	c := newCounter(t, "virtual-devices=2")
	c.must("CreateVirtualMFADevice", "VirtualMFADeviceName", "taken")
	const path = "400 ValidationError The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters."
	tooLong := func(at string, n int) string {
		return fmt.Sprintf("400 ValidationError 1 validation error detected: Value at '%s' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d", at, n)
	}
	for name, test := range map[string]struct {
		params []string
		want   string
	}{
		"a name that is taken":           {[]string{"VirtualMFADeviceName", "taken"}, "409 EntityAlreadyExists MFA device already exists."},
		"a path without a slash before":  {[]string{"VirtualMFADeviceName", "x", "Path", "test/"}, path},
		"a path without a slash after":   {[]string{"VirtualMFADeviceName", "x", "Path", "/test"}, path},
		"a path that is too long":        {[]string{"VirtualMFADeviceName", "x", "Path", "/" + strings.Repeat("p", 511) + "/"}, tooLong("path", 512)},
		"a name that is too long":        {[]string{"VirtualMFADeviceName", strings.Repeat("n", 227)}, tooLong("virtualMFADeviceName", 226)},
		"a serial number nobody can say": {[]string{"VirtualMFADeviceName", "x", "Path", "/" + strings.Repeat("p", 300) + "/"}, tooLong("serialNumber", 256)},
		"one tag twice": {append(tags("Team", "a", "team", "b"), "VirtualMFADeviceName", "x"),
			"400 InvalidInput Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		"no name": {nil, "400 ValidationError 1 validation error detected: Value at 'virtualMFADeviceName' failed to satisfy constraint: Member must not be null"},
		"a name of two words": {[]string{"VirtualMFADeviceName", "two words"},
			`400 ValidationError 1 validation error detected: Value at 'virtualMFADeviceName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+`},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, says(c.refused("CreateVirtualMFADevice", test.params...)))
		})
	}
	t.Run("one too many, until one is deleted", func(t *testing.T) {
		c.must("CreateVirtualMFADevice", "VirtualMFADeviceName", "second")
		require.Equal(t, "409 LimitExceeded Cannot exceed quota for VirtualMFADevices: 2",
			says(c.refused("CreateVirtualMFADevice", "VirtualMFADeviceName", "third")))
		c.must("DeleteVirtualMFADevice", "SerialNumber", "arn:aws:iam::123456789012:mfa/second")
		c.must("CreateVirtualMFADevice", "VirtualMFADeviceName", "third")
	})
}

func TestEnableMFADevice(t *testing.T) {
	enable := func(code1, code2 string) []string {
		return append(codes(code1, code2), "UserName", "bob", "SerialNumber", fob)
	}
	t.Run("two codes sent at once enable a device", func(t *testing.T) {
		c := newCounter(t)
		require.Empty(t, c.must("EnableMFADevice", enable(c.code(-1), c.code(0))...))
		require.Equal(t, []iam.Fact{{Name: "step", Value: int64(59_044_050)},
			{Name: "distance", Value: int64(0)}, {Name: "expected", Value: int64(59_044_050)},
			{Name: "offset", Value: int64(0)}, {Name: "learned", Value: int64(0)}}, c.last.Load().Facts)
		require.Equal(t, "<MFADevices><member><UserName>bob</UserName><SerialNumber>GAHT00000001</SerialNumber>"+
			"<EnableDate>2026-02-17T09:45:15Z</EnableDate></member></MFADevices><IsTruncated>false</IsTruncated>",
			c.must("ListMFADevices", "UserName", "BOB"))
	})
	t.Run("two codes that come late enable a device that is out of sync", func(t *testing.T) {
		c := newCounter(t)
		c.must("EnableMFADevice", enable(c.code(-11), c.code(-10))...)
		_, e := c.login(fob, c.code(0))
		require.NotNil(t, e)
		require.Equal(t, "window", e.Rule)
	})
	for name, test := range map[string]struct {
		params func(c *counter) []string
		want   string
		rule   string
	}{
		"the user is looked for first": {func(c *counter) []string {
			return append(codes("000000", "000000"), "UserName", "nobody", "SerialNumber", "NOSUCHSERIAL")
		}, "404 NoSuchEntity The user with name nobody cannot be found.", "user"},
		"then the device": {func(c *counter) []string {
			return append(codes("000000", "000000"), "UserName", "bob", "SerialNumber", "GAHT99999999")
		}, "404 NoSuchEntity MFA Device with serial number GAHT99999999 does not exist.", "serial"},
		"another account's device does not exist": {func(c *counter) []string {
			return append(codes(c.code(-1), c.code(0)), "UserName", "bob", "SerialNumber", "arn:aws:iam::999999999999:mfa/x")
		}, "404 NoSuchEntity MFA Device with serial number arn:aws:iam::999999999999:mfa/x does not exist.", "serial"},
		"a serial number of eight characters is malformed": {func(c *counter) []string {
			return append(codes(c.code(-1), c.code(0)), "UserName", "bob", "SerialNumber", "20899872")
		}, "400 ValidationError 1 validation error detected: Value at 'serialNumber' failed to satisfy constraint: Member must have length greater than or equal to 9", "constraint"},
		"codes in the wrong order": {func(c *counter) []string { return enable(c.code(0), c.code(-1)) }, badCodes, "order"},
		"one code twice":           {func(c *counter) []string { return enable(c.code(0), c.code(0)) }, badCodes, "consecutive"},
		"codes with a gap":         {func(c *counter) []string { return enable(c.code(-2), c.code(0)) }, badCodes, "consecutive"},
		"wrong codes":              {func(c *counter) []string { return enable("000000", "111111") }, badCodes, "code"},
		"codes from too long ago":  {func(c *counter) []string { return enable(c.code(-31), c.code(-30)) }, badCodes, "sync-window"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCounter(t)
			e := c.refusedBut("EnableMFADevice", test.params(c)...)
			require.Equal(t, test.want, says(e))
			require.Equal(t, []string{test.rule, test.rule}, []string{e.Rule, c.last.Load().Rule})
			require.NotEmpty(t, e.Section)
		})
	}
	t.Run("malformed codes are not echoed", func(t *testing.T) {
		c := newCounter(t)
		for _, code := range []string{"", "12345", "1234567", "123 456", "+12345", "-12345", "１２３４５６", "١٢٣٤٥٦", "12345\x00"} {
			e := c.refused("EnableMFADevice", enable(code, c.code(0))...)
			require.Equal(t, "ValidationError", e.Code)
			require.Contains(t, e.Message, "Value at 'authenticationCode1' failed to satisfy constraint: ")
			if code != "" {
				require.NotContains(t, e.Message, code)
			}
		}
	})
}

func TestDevicesThatAreTaken(t *testing.T) {
	c := newCounter(t)
	c.must("CreateUser", "UserName", "eve")
	code1, code2 := c.code(-1), c.code(0)
	c.must("EnableMFADevice", append(codes(code1, code2), "UserName", "bob", "SerialNumber", fob)...)
	for _, user := range []string{"bob", "eve"} {
		t.Run("the same two codes for "+user+" find the device in use", func(t *testing.T) {
			require.Equal(t, "409 EntityAlreadyExists MFA Device is already in use.",
				says(c.refused("EnableMFADevice", append(codes(code1, code2), "UserName", user, "SerialNumber", fob)...)))
		})
	}
	t.Run("one user's device is not another's", func(t *testing.T) {
		const not = "404 NoSuchEntity MFA Device invalid for user."
		require.Equal(t, not, says(c.refused("ResyncMFADevice", append(codes(c.code(1), c.code(2)), "UserName", "eve", "SerialNumber", fob)...)))
		require.Equal(t, not, says(c.refused("DeactivateMFADevice", "UserName", "eve", "SerialNumber", fob)))
		require.Equal(t, not, says(c.refused("GetMFADevice", "UserName", "eve", "SerialNumber", fob)))
		require.Equal(t, not, says(c.refused("DeactivateMFADevice", "SerialNumber", fob)), "root has none")
	})
	t.Run("a user has eight devices and not nine", func(t *testing.T) {
		for i := 2; i <= 8; i++ {
			c.must("EnableMFADevice", append(codes(c.code(-1), c.code(0)), "UserName", "bob", "SerialNumber", fmt.Sprintf("GAHT%08d", i))...)
		}
		require.Equal(t, "409 LimitExceeded Cannot exceed quota for MFADevicesPerUser: 8",
			says(c.refused("EnableMFADevice", append(codes(c.code(-1), c.code(0)), "UserName", "bob", "SerialNumber", "GAHT00000009")...)))
		require.Len(t, c.pages("SerialNumber", 3, func() {}, "ListMFADevices", "UserName", "bob"), 8)
	})
	t.Run("in GovCloud one", func(t *testing.T) {
		c.set("devices-per-user=1")
		c.must("EnableMFADevice", append(codes(c.code(-1), c.code(0)), "UserName", "eve", "SerialNumber", "GAHT00000009")...)
		c.must("CreateVirtualMFADevice", "VirtualMFADeviceName", "second")
		require.Equal(t, "409 LimitExceeded Cannot exceed quota for MFADevicesPerUser: 1", says(c.refused("EnableMFADevice",
			append(codes("000000", "000000"), "UserName", "eve", "SerialNumber", "arn:aws:iam::123456789012:mfa/second")...)))
	})
}

func TestResyncMFADevice(t *testing.T) {
	c := newCounter(t)
	c.enable()
	resync := func(code1, code2 string) []string {
		return append(codes(code1, code2), "UserName", "bob", "SerialNumber", fob)
	}
	drifted := func() string { return c.code(-9) } // the fob is nine steps late
	c.wait(time.Hour)
	_, e := c.login(fob, drifted())
	require.Equal(t, "window", e.Rule)
	code1, code2 := c.code(-10), c.code(-9)
	require.Empty(t, c.must("ResyncMFADevice", resync(code1, code2)...))
	t.Run("its codes are burnt", func(t *testing.T) {
		e := c.refusedBut("ResyncMFADevice", resync(code1, code2)...)
		require.Equal(t, badCodes, says(e))
		require.Equal(t, "replay", e.Rule)
		_, e = c.login(fob, code2)
		require.Equal(t, "replay", e.Rule)
	})
	t.Run("the next code is good", func(t *testing.T) {
		c.wait(30 * time.Second)
		_, e := c.login(fob, drifted())
		require.Nil(t, e)
	})
	t.Run("an unknown device, an unknown user", func(t *testing.T) {
		require.Equal(t, "The user with name nobody cannot be found.", c.refused("ResyncMFADevice", append(codes(code1, code2), "UserName", "nobody", "SerialNumber", "x23456789")...).Message)
		require.Equal(t, "MFA Device with serial number x23456789 does not exist.", c.refused("ResyncMFADevice", append(codes(code1, code2), "UserName", "bob", "SerialNumber", "x23456789")...).Message)
		require.Equal(t, "MFA Device invalid for user.", c.refused("ResyncMFADevice", append(codes(c.code(0), c.code(1)), "UserName", "bob", "SerialNumber", "GAHT00000002")...).Message)
	})
}

func TestFailuresAreCountedPerDevice(t *testing.T) {
	c := newCounter(t)
	c.enable()
	resyncs := func() any {
		var shown any
		for _, f := range c.last.Load().Facts {
			if f.Name == "resync" {
				shown = f.Value
			}
		}
		return shown
	}
	c.login(fob, "000000")
	c.refusedBut("ResyncMFADevice", append(codes("000000", "111111"), "UserName", "bob", "SerialNumber", fob)...)
	require.EqualValues(t, 2, c.failures(fob))
	require.Nil(t, resyncs())
	c.login(fob, c.code(-1))
	require.EqualValues(t, 3, c.failures(fob), "a replay counts, too")
	require.Equal(t, true, resyncs(), "after three a person should be asked to resynchronise")
	require.Zero(t, c.failures("GAHT00000002"))
	_, e := c.login(fob, c.code(0))
	require.Nil(t, e)
	require.Zero(t, c.failures(fob))
}

func TestDeactivateMFADevice(t *testing.T) {
	c := newCounter(t)
	c.enable()
	used := c.code(0)
	_, e := c.login(fob, used)
	require.Nil(t, e)
	require.Empty(t, c.must("DeactivateMFADevice", "UserName", "bob", "SerialNumber", fob))
	t.Run("the device is nobody's", func(t *testing.T) {
		require.Equal(t, "<MFADevices></MFADevices><IsTruncated>false</IsTruncated>", c.must("ListMFADevices", "UserName", "bob"))
		_, e := c.login(fob, c.code(1))
		require.Equal(t, "serial", e.Rule)
	})
	t.Run("what was used stays used, whoever gets the device", func(t *testing.T) {
		c.must("CreateUser", "UserName", "eve")
		e := c.refusedBut("EnableMFADevice", append(codes(c.code(-1), used), "UserName", "eve", "SerialNumber", fob)...)
		require.Equal(t, "replay", e.Rule)
		c.must("EnableMFADevice", append(codes(c.code(1), c.code(2)), "UserName", "eve", "SerialNumber", fob)...)
	})
	t.Run("the caller is the default", func(t *testing.T) {
		c.as("eve").must("DeactivateMFADevice", "SerialNumber", fob)
	})
	t.Run("an unknown device, an unknown user", func(t *testing.T) {
		require.Equal(t, "404 NoSuchEntity MFA Device with serial number GAHT99999999 does not exist.",
			says(c.refused("DeactivateMFADevice", "UserName", "bob", "SerialNumber", "GAHT99999999")))
		require.Equal(t, "404 NoSuchEntity The user with name nobody cannot be found.",
			says(c.refused("DeactivateMFADevice", "UserName", "nobody", "SerialNumber", "GAHT99999999")))
	})
}

func TestDeleteVirtualMFADevice(t *testing.T) {
	c := newCounter(t)
	serial := c.phone("bob")
	require.Equal(t, "409 DeleteConflict MFA VirtualDevice in use. Must deactivate first.", says(c.refused("DeleteVirtualMFADevice", "SerialNumber", serial)))
	require.Equal(t, "409 DeleteConflict Cannot delete entity, must delete MFA device first.", says(c.refused("DeleteUser", "UserName", "bob")))
	c.must("DeactivateMFADevice", "UserName", "bob", "SerialNumber", serial)
	require.Empty(t, c.must("DeleteVirtualMFADevice", "SerialNumber", serial))
	for name, gone := range map[string]string{"deleted": serial, "never made": "arn:aws:iam::123456789012:mfa/never", "hardware": fob} {
		t.Run("a device that is "+name+" does not exist", func(t *testing.T) {
			require.Equal(t, "404 NoSuchEntity MFA Device with serial number "+gone+" does not exist.",
				says(c.refused("DeleteVirtualMFADevice", "SerialNumber", gone)))
		})
	}
}

func TestListVirtualMFADevices(t *testing.T) {
	c := newCounter(t)
	c.enable() // hardware is not on the list
	phone := c.phone("bob")
	for i := range 5 {
		c.must("CreateVirtualMFADevice", "VirtualMFADeviceName", fmt.Sprint("spare", i))
	}
	entry := func(serial string) string { return "<member><SerialNumber>" + serial + "</SerialNumber></member>" }
	user := strings.TrimSuffix(strings.TrimPrefix(c.must("GetUser", "UserName", "bob"), "<User>"), "</User>")
	assigned := "<member><SerialNumber>" + phone + "</SerialNumber><EnableDate>2026-02-17T09:45:45Z</EnableDate><User>" + user + "</User></member>"
	spares := ""
	for i := range 5 {
		spares += entry(fmt.Sprint("arn:aws:iam::123456789012:mfa/spare", i))
	}
	for status, want := range map[string]string{"Assigned": assigned, "Unassigned": spares, "Any": assigned + spares} {
		t.Run(status, func(t *testing.T) {
			require.Equal(t, "<VirtualMFADevices>"+want+"</VirtualMFADevices><IsTruncated>false</IsTruncated>",
				c.must("ListVirtualMFADevices", "AssignmentStatus", status))
		})
	}
	require.Equal(t, c.must("ListVirtualMFADevices", "AssignmentStatus", "Any"), c.must("ListVirtualMFADevices"))
	t.Run("page by page", func(t *testing.T) {
		for n := 1; n < 7; n++ {
			require.Len(t, c.pages("SerialNumber", n, func() {}, "ListVirtualMFADevices"), 6)
		}
	})
	t.Run("bad parameters", func(t *testing.T) {
		require.Equal(t, "400 ValidationError Invalid Marker.", says(c.refused("ListVirtualMFADevices", "Marker", "invalid")))
		require.Contains(t, c.refused("ListVirtualMFADevices", "AssignmentStatus", "any").Message, "Member must satisfy enum value set")
		require.Contains(t, c.refused("ListVirtualMFADevices", "MaxItems", "1001").Message, "Member must have value less than or equal to 1000")
	})
}

func TestGetMFADevice(t *testing.T) {
	c := newCounter(t)
	t.Run("a fob that lies in the factory is not the account's", func(t *testing.T) {
		require.Equal(t, "404 NoSuchEntity MFA Device with serial number GAHT00000001 does not exist.", says(c.refused("GetMFADevice", "SerialNumber", fob)))
	})
	c.enable()
	c.must("UpdateUser", "UserName", "bob", "NewUserName", "Robert")
	want := "<UserName>Robert</UserName><SerialNumber>GAHT00000001</SerialNumber><EnableDate>2026-02-17T09:45:15Z</EnableDate>"
	require.Equal(t, want, c.must("GetMFADevice", "SerialNumber", fob, "UserName", "robert"))
	require.Equal(t, "<MFADevices><member>"+want+"</member></MFADevices><IsTruncated>false</IsTruncated>", c.must("ListMFADevices", "UserName", "robert"))
	c.must("CreateVirtualMFADevice", "VirtualMFADeviceName", "spare")
	require.Equal(t, "<SerialNumber>arn:aws:iam::123456789012:mfa/spare</SerialNumber>", c.must("GetMFADevice", "SerialNumber", "arn:aws:iam::123456789012:mfa/spare"))
}

func TestDeviceTags(t *testing.T) {
	c := newCounter(t)
	serial := "arn:aws:iam::123456789012:mfa/spare"
	c.must("CreateVirtualMFADevice", append(tags("Team", "red"), "VirtualMFADeviceName", "spare")...)
	c.must("TagMFADevice", append(tags("age", "1", "TEAM", "blue"), "SerialNumber", serial)...)
	c.must("UntagMFADevice", "SerialNumber", serial, "TagKeys.member.1", "AGE", "TagKeys.member.2", "none")
	require.Equal(t, "<Tags><member><Key>TEAM</Key><Value>blue</Value></member></Tags><IsTruncated>false</IsTruncated>",
		c.must("ListMFADeviceTags", "SerialNumber", serial))
	require.Equal(t, "409 LimitExceeded The number of tags has reached the maximum limit.", says(c.refused("TagMFADevice", append(manyTags(0, 50), "SerialNumber", serial)...)))
	require.Equal(t, "400 InvalidInput Only virtual MFA devices can be tagged.", says(c.refused("TagMFADevice", append(tags("a", "b"), "SerialNumber", fob)...)))
	require.Equal(t, "NoSuchEntity", c.refused("ListMFADeviceTags", "SerialNumber", serial+"x").Code)
}

func TestReCreatedUsers(t *testing.T) {
	c := newCounter(t)
	c.must("DeleteUser", "UserName", "bob")
	c.must("CreateUser", "UserName", "bob")
	enable := func() []string {
		return append(codes(c.code(-1), c.code(0)), "UserName", "bob", "SerialNumber", fob)
	}
	require.Equal(t, "409 EntityTemporarilyUnmodifiable The user with name bob was just created anew and cannot be modified yet. Please try again later.",
		says(c.refused("EnableMFADevice", enable()...)))
	c.wait(c.service.Settings().Settle)
	c.must("EnableMFADevice", enable()...)
}
