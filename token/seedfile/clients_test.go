package seedfile

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/token"
)

// By full path: others may come first in PATH.
const (
	pskctool = "/usr/bin/pskctool"
	oathtool = "/usr/bin/oathtool"
	stoken   = "/usr/bin/stoken"
	python   = "/usr/bin/python3"
)

// client skips the test where a tool is not there, or fails where it must be.
func client(t *testing.T, path, debian string) {
	t.Helper()
	_, err := os.Stat(path)
	if err == nil && debian == "python3-pskc" {
		err = exec.Command(python, "-c", "import pskc").Run()
	}
	if err == nil {
		return
	}
	if os.Getenv("MFALAB_CLIENTS") == "required" {
		t.Fatalf("%s is required; install the package %s", path, debian)
	}
	t.Skipf("no %s; install the package %s", path, debian)
}

// delivery is a box with one of everything that PSKC can say.
func delivery() []Record {
	var records []Record
	for i := range 12 {
		r := Record{Serial: fmt.Sprintf("GAHT%08d", i), Manufacturer: "oath.GA", Issuer: "Example & <Co>", Account: "CN=ünit " + strconv.Itoa(i),
			Seed: token.Seed(rfcSeed + strconv.Itoa(i)), Algorithm: token.Algorithm(i % 3), Digits: 6 + i%3, Model: "Ezio", KeyID: "key-" + strconv.Itoa(i)}
		if i%2 == 0 {
			r.Type, r.Counter = HOTP, uint64(i)<<40
		} else {
			r.Step, r.Time, r.Drift = time.Duration(i)*30*time.Second, int64(i), int64(i)
		}
		records = append(records, r)
	}
	return records
}

func file(t *testing.T, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "seeds")
	require.NoError(t, os.WriteFile(name, data, 0o600))
	return name
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %s: %s", name, args, out)
	return string(out)
}

// info reads what pskctool says of a file, a package each.
func info(t *testing.T, out string) []map[string]string {
	var packages []map[string]string
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if strings.HasPrefix(name, "KeyPackage ") {
			packages = append(packages, map[string]string{})
		} else if len(packages) > 0 && value != "" {
			packages[len(packages)-1][name] = value
		}
	}
	return packages
}

func TestPskctoolReadsTheSame(t *testing.T) {
	client(t, pskctool, "pskctool")
	data, err := Append(nil, PSKC, delivery(), Options{})
	require.NoError(t, err)
	name := file(t, data)
	require.Contains(t, run(t, pskctool, "--validate", name), "OK\n")
	packages := info(t, run(t, pskctool, "--info", "--strict", name))
	require.Len(t, packages, len(delivery()))
	for i, r := range delivery() {
		p := packages[i]
		require.Equal(t, []string{r.Serial, r.Manufacturer, r.Model, r.KeyID, r.Issuer, r.Account, profile + r.Type.String(), base64.StdEncoding.EncodeToString(r.Seed), strconv.Itoa(r.Digits)},
			[]string{p["SerialNo"], p["Manufacturer"], p["Model"], p["Id"], p["Issuer"], p["Key User Id"], p["Algorithm"], p["Key Secret (base64)"], p["Response Format Length"]})
		if r.Type == HOTP {
			require.Equal(t, strconv.FormatUint(r.Counter, 10), p["Key Counter"])
		} else {
			require.Equal(t, []string{seconds(r.Step), strconv.FormatInt(r.Time, 10), strconv.FormatInt(r.Drift, 10)},
				[]string{p["Key TimeInterval"], p["Key Time"], p["Key TimeDrift"]})
		}
		if r.Algorithm != token.SHA1 {
			require.Equal(t, "HMAC-"+r.Algorithm.String(), p["Algorithm Parameters Suite"])
		}
	}
}

// What pskctool 2.6.7 does not: it shows a clock that is 4 steps late as 2^32 - 4.
func TestPskctoolShowsNoSigns(t *testing.T) {
	client(t, pskctool, "pskctool")
	late := delivery()[1:2]
	late[0].Manufacturer, late[0].Drift, late[0].Starts, late[0].Expires = "Thales", -4, time.Unix(1e9, 0), time.Unix(2e9, 0)
	data, err := Append(nil, PSKC, late, Options{})
	require.NoError(t, err)
	name := file(t, data)
	require.Contains(t, run(t, pskctool, "--validate", name), "OK\n")
	p := info(t, run(t, pskctool, "--info", "--strict", name))[0]
	require.Equal(t, []string{"Thales", "2001-09-09 01:46:40", "2033-05-18 03:33:20", "4294967292"},
		[]string{p["Manufacturer"], p["Policy StartDate"], p["Policy ExpiryDate"], p["Key TimeDrift"]})
}

func TestPskctoolShowsNoEncryptedSeed(t *testing.T) {
	client(t, pskctool, "pskctool")
	for _, key := range []Options{{PresharedKey: figureKey(t)}, {Passphrase: Secret("qwerty"), Iterations: 1000}} {
		chance := noise(1)
		key.Random = &chance
		data, err := Append(nil, PSKC, delivery(), key)
		require.NoError(t, err)
		name := file(t, data)
		require.Contains(t, run(t, pskctool, "--validate", name), "OK\n")
		out := run(t, pskctool, "--info", name)
		require.NotContains(t, out, "Key Secret")
		require.Equal(t, "GAHT00000011", info(t, out)[11]["SerialNo"])
	}
}

func TestOathtoolMakesTheCodesOfEveryFormat(t *testing.T) {
	client(t, oathtool, "oathtool")
	at := time.Unix(1790000000, 0)
	for _, format := range []Format{PSKC, OATHCSV, OTPAuth} {
		data, err := Append(nil, format, delivery(), Options{})
		require.NoError(t, err)
		read, err := Parse("", data, Options{})
		require.NoError(t, err)
		for i, r := range read.Records {
			g, err := token.NewGenerator(delivery()[i].Seed, r.Algorithm, r.Digits)
			require.NoError(t, err)
			args := []string{"-d", strconv.Itoa(r.Digits), hex.EncodeToString(r.Seed)}
			code := g.Code(r.Counter)
			switch {
			case r.Type == HOTP && r.Algorithm != token.SHA1:
				continue // oathtool's HOTP is SHA1
			case r.Type == HOTP:
				args = append(args, "-c", strconv.FormatUint(r.Counter, 10))
			default:
				code = g.Code(uint64(token.Step(at, time.Unix(0, 0), r.Step)))
				args = append(args, "--totp="+r.Algorithm.String(), "-s", seconds(r.Step)+"s", "-N", fmt.Sprintf("@%d", at.Unix()))
			}
			require.Equal(t, code+"\n", run(t, oathtool, args...), "%s %s", format, r.Serial)
		}
	}
}

// unseal reads a file with python-pskc, and makes one.
const unseal = `
import json, sys
from pskc import PSKC
p = PSKC(sys.argv[1])
if sys.argv[2] == 'key': p.encryption.key = bytes.fromhex(sys.argv[3])
else: p.encryption.derive_key(sys.argv[3])
print(json.dumps([[k.serial, k.secret.hex(), k.counter or 0, k.time_interval or 0, k.time_drift or 0] for k in p.keys]))
q = PSKC()
for k in p.keys:
    q.add_key(id=k.id, serial=k.serial, secret=k.secret, algorithm=k.algorithm, counter=k.counter, time_interval=k.time_interval,
        time_drift=k.time_drift, response_length=k.response_length, response_encoding='DECIMAL', algorithm_suite=k.algorithm_suite,
        issuer=k.issuer, manufacturer=k.manufacturer, key_userid=k.key_userid, model=k.model, time_offset=k.time_offset)
fields = ['secret', 'counter', 'time_interval', 'time_offset']
if sys.argv[2] == 'key': q.encryption.setup_preshared_key(key=bytes.fromhex(sys.argv[3]), fields=fields)
else: q.encryption.setup_pbkdf2(sys.argv[3], fields=fields, iterations=1000)
q.write(sys.argv[4])
`

func TestPythonPskcReadsAndWritesTheSame(t *testing.T) {
	client(t, python, "python3-pskc")
	for _, test := range []struct {
		kind, key string
		options   Options
	}{
		{"key", "12345678901234567890123456789012", Options{PresharedKey: figureKey(t)}},
		{"passphrase", "pässwörd", Options{Passphrase: Secret("pässwörd"), Iterations: 1000}},
		{"key", "12345678901234567890123456789012", Options{PresharedKey: figureKey(t), EncryptAll: true}},
	} {
		t.Run(fmt.Sprint(test.kind, test.options.EncryptAll), func(t *testing.T) {
			chance := noise(1)
			test.options.Random = &chance
			data, err := Append(nil, PSKC, delivery(), test.options)
			require.NoError(t, err)
			theirs := filepath.Join(t.TempDir(), "theirs.xml")
			var rows [][5]any
			require.NoError(t, json.Unmarshal([]byte(run(t, python, "-c", unseal, file(t, data), test.kind, test.key, theirs)), &rows))
			require.Len(t, rows, len(delivery()))
			for i, r := range delivery() {
				require.Equal(t, [5]any{r.Serial, hex.EncodeToString(r.Seed), float64(r.Counter), r.Step.Seconds(), float64(r.Drift)}, rows[i])
			}
			data, err = os.ReadFile(theirs)
			require.NoError(t, err)
			require.Contains(t, string(data), "EncryptedValue")
			read, err := Parse("", data, test.options)
			require.NoError(t, err, "%s", data)
			require.Equal(t, delivery(), read.Records)
		})
	}
}

// stoken is for RSA SecurID, which is not OATH: it can read none of our formats.
func TestStokenReadsNoneOfThese(t *testing.T) {
	client(t, stoken, "stoken")
	t.Setenv("HOME", t.TempDir())
	for _, format := range []Format{PSKC, OATHCSV, OTPAuth} {
		data, err := Append(nil, format, delivery(), Options{})
		require.NoError(t, err)
		out, err := exec.Command(stoken, "show", "--file="+file(t, data)).CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "no valid token", "%s", format)
	}
}
