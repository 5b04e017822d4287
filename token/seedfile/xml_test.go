package seedfile

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/token"
)

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// child returns the one child of a document's root.
func child(t testing.TB, data string) (found *node) {
	t.Helper()
	w, err := newWalk([]byte(data))
	require.NoError(t, err)
	_, err = w.root()
	require.NoError(t, err)
	require.NoError(t, w.children(func(n *node) error { found = n; return nil }))
	return found
}

const etoken = `<Tokens><Token serial="GAHT1"><CaseModel>5</CaseModel><Model>101</Model><ProductionDate>02/19/2009</ProductionDate>` +
	`<ProductName>eToken PASS</ProductName><Applications><Application ConnectorID="{a}"><Seed>` + rfcHex +
	`</Seed><MovingFactor>7</MovingFactor></Application></Applications></Token></Tokens>`

func TestSafeNet(t *testing.T) {
	file, err := Parse("", []byte(etoken), Options{})
	require.NoError(t, err)
	r := file.Records[0]
	require.Equal(t, []any{"GAHT1", "eToken PASS", HOTP, token.SHA1, 6, uint64(7), "2009-02-19"},
		[]any{r.Serial, r.Model, r.Type, r.Algorithm, r.Digits, r.Counter, r.Starts.Format("2006-01-02")})
	require.Equal(t, rfcSeed, string(r.Seed))
	for _, test := range []struct{ name, old, new, want string }{
		{"no serial", ` serial="GAHT1"`, "", "token 1: there is no serial"},
		{"no seed", rfcHex, "", "there is no seed"},
		{"no application", etoken[strings.Index(etoken, "<App"):strings.Index(etoken, "</Token>")], "", "there is no seed"},
		{"a seed that is not hex", "3132", "xyz1", "character 1 of the seed"},
		{"a seed of 64 bytes", rfcHex, strings.Repeat("00", 64), "64 bytes"},
		{"another date", "02/19/2009", "19.02.2009", `production date "19.02.2009"`},
		{"another counter", ">7<", ">x<", `counter "x"`},
		{"two applications", "</Applications>", "<Application/></Applications>", "Application twice"},
		{"a value that is not understood", "<MovingFactor>", "<TimeStep/><MovingFactor>", `"TimeStep" in Application is not supported`},
		{"another element", "Token serial", "Device serial", "not well-formed"},
		{"something that is no token", "</Tokens>", "<Key/></Tokens>", `token 2: "Key" stands where Token`},
		{"another root", etoken, "<KeyContainer/>", `the root of the XML is "KeyContainer"`},
		{"a serial twice", "</Tokens>", etoken[len("<Tokens>"):], "the serial is that of token 1"},
		{"nothing in it", etoken, "<Tokens/>", "no token in the file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Contains(t, etoken, test.old)
			file, err := Parse(SafeNetXML, []byte(strings.Replace(etoken, test.old, test.new, 1)), Options{})
			require.ErrorContains(t, err, test.want)
			require.Zero(t, file)
			require.NotContains(t, err.Error(), rfcHex)
		})
	}
}

func TestXMLIsBounded(t *testing.T) {
	bomb := "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\">"
	for i := 'b'; i < 'k'; i++ {
		bomb += fmt.Sprintf("<!ENTITY %c \"%s\">", i, strings.Repeat(fmt.Sprintf("&%c;", i-1), 10))
	}
	for _, test := range []struct{ name, data, want string }{
		{"entities that grow", bomb + "]><Tokens>&j;</Tokens>", "a DTD"},
		{"a file that is to be fetched", `<!DOCTYPE x SYSTEM "file:///etc/passwd"><Tokens/>`, "a DTD"},
		{"an entity without a definition", "<Tokens><Token>&j;</Token></Tokens>", "not well-formed near line 1"},
		{"a declaration inside", "<Tokens><Token><!ELEMENT a></Token></Tokens>", "a DTD"},
		{"a style sheet", "<?xml version='1.0'?><?xml-stylesheet href='x'?><Tokens/>", "a processing instruction"},
		{"another charset", "<?xml version='1.0' encoding='ISO-8859-1'?><Tokens/>", "not well-formed"},
		{"depth", "<Tokens>" + strings.Repeat("<a>", 25) + strings.Repeat("</a>", 25) + "</Tokens>", "24 levels"},
		{"elements in one token", "<Tokens><Token>" + strings.Repeat("<a/>", 1001) + "</Token></Tokens>", "more than 1000 others"},
		{"attributes", "<Tokens " + strings.Repeat("a='' ", 2000) + "/>", "longer than 8192 bytes"},
		{"a tag that does not end", "<Tokens " + strings.Repeat("a", 9000), "longer than 8192 bytes"},
		{"a tag cut off", "<Tokens", "not well-formed"},
		{"a file cut off", "<Tokens>", "not well-formed"},
		{"tokens cut off", etoken[:len(etoken)-20], "not well-formed"},
		{"text after the root", "<Tokens/>x", "text in the XML"},
		{"a second root", "<Tokens/><Tokens/>", "text in the XML"},
		{"text before the root", "x<Tokens/>", "text in the XML"},
		{"text between tokens", "<Tokens>x</Tokens>", "text in the XML"},
		{"no element", "<!-- x -->", "no element"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file, err := Parse(SafeNetXML, []byte(test.data), Options{})
			require.ErrorContains(t, err, test.want)
			require.Zero(t, file)
		})
	}
	hostile := strings.Repeat("<!", MaxSize/2)
	_, err := Parse(SafeNetXML, []byte(hostile), Options{})
	require.ErrorContains(t, err, "not well-formed")
	_, err = Parse(SafeNetXML, []byte("<Tokens>"+strings.Repeat("<![CDATA[<a>]]>", 10)+"</Tokens>"), Options{})
	require.ErrorContains(t, err, "text in the XML")
}
