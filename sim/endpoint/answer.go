package endpoint

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"reflect"
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
	b = append(b, "<"+action+`Response xmlns="`+namespace+`">`...)
	if v := reflect.ValueOf(result); result != nil {
		if e := elementOf(v.Type()); e != nil {
			b = appendElement(b, action+"Result", e, v, 1)
		} else {
			marshalled, err := marshalResult(action, result)
			if err != nil {
				return nil, err
			}
			b = append(append(b, '\n'), marshalled...)
		}
	}
	b = append(b, "\n  <ResponseMetadata>\n    <RequestId>"...)
	b = append(appendEscaped(b, id), "</RequestId>\n  </ResponseMetadata>\n</"...)
	return append(b, action+"Response>\n"...), nil
}

// marshalResult is appendElement for what only encoding/xml can write.
func marshalResult(action string, result any) (string, error) {
	var out bytes.Buffer
	x := xml.NewEncoder(&out)
	x.Indent("  ", "  ")
	if err := x.EncodeElement(result, xml.StartElement{Name: xml.Name{Local: action + "Result"}}); err != nil {
		return "", err
	}
	return plainQuotes.Replace(out.String()), nil
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

func escape(s string) string { return string(appendEscaped(nil, s)) }

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
