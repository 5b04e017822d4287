package endpoint

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/mfalab/mfalab/sim/iam"
)

// A client that asks for a service that the lab does not have is told so in words, and by the name of that service. It is led
// here by the endpoint in its environment or by the proxy, and never to the real service; a tunnel that is refused would say
// to its user no more than that the proxy could not be reached.

// serves is what such a client is told that there is.
const serves = "it serves IAM, STS, CloudTrail's LookupEvents and, as far as MFA reaches, S3 and EC2"

// awsDomains are all names below AWS's domains for its services.
var awsDomains = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.){1,6}(amazonaws\.com|amazonaws\.com\.cn|api\.aws)$`)

// scopeService finds the service in the scope of a signature, whoever made it: "Elements of an AWS API request signature".
var scopeService = regexp.MustCompile(`[=/]\d{8}/[a-z0-9-]*/([a-z0-9-]{1,64})/aws4_request`)

// xmlServices are those whose requests look like the ones of REST services with JSON and whose answers are XML.
var xmlServices = map[string]bool{"route53": true, "cloudfront": true}

// unserved returns the service that a signed request is meant for where the lab has none of that name, "" otherwise.
func unserved(r *http.Request) string {
	scope := r.Header.Get("Authorization")
	if scope == "" {
		scope = r.URL.Query().Get("X-Amz-Credential")
	}
	m := scopeService.FindStringSubmatch(scope)
	if m == nil || served[m[1]] != nil {
		return ""
	}
	return m[1]
}

// foreignService reports whether a signed request came by the name of a service of AWS that the lab does not serve.
func foreignService(r *http.Request) bool {
	name := hostname(r.Host)
	return awsDomains.MatchString(name) && !servedName(name)
}

// refuseService tells a client that there is no such service, in the protocol that it speaks: what it sends shows which.
func (e *Endpoint) refuseService(w http.ResponseWriter, r *http.Request, id string) {
	service := unserved(r)
	if service == "" {
		service, _, _ = strings.Cut(hostname(r.Host), ".")
	}
	const code = "UnknownOperationException" // "Common Errors" of the services with JSON
	text := fmt.Sprintf("%s is not among the services of mfalab: %s", service, serves)
	switch form := strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"); {
	case isJSON(r):
		writeJSON(w, id, http.StatusBadRequest, map[string]string{"__type": code, "message": text})
	case form || xmlServices[service]:
		e.writeError(w, id, faultNamespace, &iam.Error{Code: "InvalidAction", Status: http.StatusBadRequest, Message: text})
	default:
		body, _ := json.Marshal(map[string]string{"message": text}) // of texts
		w.Header().Set("X-Amzn-RequestId", id)
		w.Header().Set("X-Amzn-ErrorType", code)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write(body) // a client that has gone is no error of ours
	}
}
