package endpoint_test

import (
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/endpoint"
)

type (
	members struct {
		Members []person `xml:"member"`
	}
	person struct {
		Name   string
		ID     string  `xml:"PersonId"`
		Nick   string  `xml:",omitempty"`
		Age    int     `xml:"Years,omitempty"`
		Self   *person `xml:"-"`
		Boss   *boss
		hidden string
	}
	boss  struct{ Name status }
	end   struct{ IsTruncated bool }
	lists struct {
		People *members
		Names  []string `xml:"name,omitempty"`
		Empty  members
		None   struct{}
		end
	}
	status string
)

// TestAnswersAreThoseOfEncodingXML compares them: also of what is handed to it.
func TestAnswersAreThoseOfEncodingXML(t *testing.T) {
	odd := "a <b> & \"c\" 'd'\t\r\n\x00\xff é \u2028 ]]>"
	alice := person{Name: odd, ID: "", Nick: "al", Age: -7, Boss: &boss{"Active"}, hidden: "x"}
	alice.Self = &alice
	for name, result := range map[string]any{
		"texts":           person{Name: "bob", ID: "1"},
		"odd texts":       alice,
		"a pointer":       &alice,
		"lists":           lists{People: &members{[]person{alice, {}}}, Names: []string{"x", odd, ""}, end: end{true}},
		"nothing in them": lists{},
		"no members":      struct{}{},
		"numbers":         struct{ A, B int64 }{-1 << 63, 1<<63 - 1},
		"elements in a path": struct {
			A []string `xml:"Map>entry"`
		}{[]string{"x", odd}},
		"a time":          struct{ A time.Time }{wall},
		"bytes":           struct{ A []byte }{[]byte(odd)},
		"a list of lists": struct{ A [][]string }{[][]string{{"x"}, {"y", "z"}}},
		"anything":        struct{ A any }{alice},
		"an attribute": struct {
			A string `xml:",attr"`
		}{odd},
		"unsigned": struct{ A uint64 }{1<<64 - 1},
		"a name of its own": struct {
			XMLName xml.Name `xml:"Own"`
			A       string
		}{A: odd},
	} {
		d, cfg := newDesk(t)
		d.result = result
		var want strings.Builder
		x := xml.NewEncoder(&want)
		x.Indent("", "  ")
		around := xml.StartElement{Name: xml.Name{Local: "GetCallerIdentityResponse"}, Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: stsNamespace}}}
		require.NoError(t, x.EncodeToken(around))
		require.NoError(t, x.EncodeElement(result, xml.StartElement{Name: xml.Name{Local: "GetCallerIdentityResult"}}), name)
		require.NoError(t, x.EncodeElement(struct{ RequestId string }{requestID}, xml.StartElement{Name: xml.Name{Local: "ResponseMetadata"}}))
		require.NoError(t, x.EncodeToken(around.End()))
		require.NoError(t, x.Flush())
		for range 2 { // the second time the type is known
			got := serve(endpoint.New(cfg), sign(t, post(whoami), "sts")).Body.String()
			require.Equal(t, strings.NewReplacer("&#39;", "'", "&#34;", `"`).Replace(want.String())+"\n", got, name)
		}
	}
}
