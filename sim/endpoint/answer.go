package endpoint

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/mfalab/mfalab/sim/iam"
)

// namespaces are those of the answers, by service. "Common Errors" and service models of IAM and STS.
var namespaces = map[string]string{
	"iam": "https://iam.amazonaws.com/doc/2010-05-08/",
	"sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}

// faultNamespace is that of a refusal before a service is known; recorded from STS.
const faultNamespace = "http://webservices.amazon.com/AWSFault/2005-15-09"

// appendResult appends the answer of an operation: indented by two, with a newline at its end and no XML declaration, as
// the real services write it. result is what stands inside the element "<action>Result", nil where there is none.
func appendResult(b []byte, namespace, action, id string, result any) ([]byte, error) {
	var out bytes.Buffer
	x := xml.NewEncoder(&out)
	x.Indent("", "  ")
	element := func(name string) xml.StartElement { return xml.StartElement{Name: xml.Name{Local: name}} }
	response := element(action + "Response")
	response.Attr = []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: namespace}}
	// write is for steps of which each needs the one before.
	write := func(err error, f func() error) error {
		if err != nil {
			return err
		}
		return f()
	}
	err := x.EncodeToken(response)
	if result != nil {
		err = write(err, func() error { return x.EncodeElement(result, element(action+"Result")) })
	}
	metadata := struct{ RequestId string }{id}
	err = write(err, func() error { return x.EncodeElement(metadata, element("ResponseMetadata")) })
	err = write(err, func() error { return x.EncodeToken(response.End()) })
	if err = write(err, x.Flush); err != nil {
		return nil, err
	}
	return append(append(b, plainQuotes.Replace(out.String())...), '\n'), nil
}

// appendError appends the answer that refuses.
func appendError(b []byte, namespace, id string, e *iam.Error) []byte {
	kind := "Sender"
	if e.Status >= 500 {
		kind = "Receiver"
	}
	b = append(b, `<ErrorResponse xmlns="`+namespace+"\">\n  <Error>\n    <Type>"+kind+"</Type>\n"...)
	b = append(b, "    <Code>"+escape(e.Code)+"</Code>\n"...)
	if !e.NoMessage {
		b = append(b, "    <Message>"+escape(e.Message)+"</Message>\n"...)
	}
	return append(b, "  </Error>\n  <RequestId>"+escape(id)+"</RequestId>\n</ErrorResponse>\n"...)
}

// plainQuotes undoes what encoding/xml does to quotes: in text they need no escape, and the real services write none.
var plainQuotes = strings.NewReplacer("&#39;", "'", "&#34;", `"`)

func escape(s string) string {
	var b strings.Builder
	// A strings.Builder never fails.
	_ = xml.EscapeText(&b, []byte(s))
	return plainQuotes.Replace(b.String())
}

func (e *Endpoint) writeError(w http.ResponseWriter, id, namespace string, refusal *iam.Error) {
	if namespace == "" {
		namespace = faultNamespace
	}
	writeXML(w, id, refusal.Status, appendError(nil, namespace, id, refusal))
}

func writeXML(w http.ResponseWriter, id string, status int, body []byte) {
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("X-Amzn-RequestId", id)
	w.WriteHeader(status)
	w.Write(body) // a client that has gone is no error of ours
}
