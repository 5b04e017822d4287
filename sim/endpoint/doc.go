// Package endpoint is the lab's one port: the AWS query protocol over HTTP in front of package iam, the lab's own pages
// beside it, and a CONNECT proxy that lets unmodified AWS clients believe that they speak to AWS.
//
//	signed, or for an AWS name, or POST /  ──▶ the AWS query protocol ──▶ iam.Service
//	CONNECT iam.amazonaws.com:443          ──▶ TLS by the lab's authority ──▶ the same again
//	everything else, from this origin only ──▶ Config.Pages
//
// It dials nobody: a request for a host that it does not serve is refused, whoever asks for it. Clients of AWS's other services
// are told so in their own protocol.
//
// The protocol is that of IAM 2010-05-08 and STS 2011-06-15; what the answers look like byte for byte, and in which order
// a request is refused, follows answers recorded from the real services. One thing differs on purpose: a request without
// an action is refused, where the real service sends the client on to https://aws.amazon.com.
//
// CloudTrail's LookupEvents comes by the JSON protocol.
//
// Not implemented: the JSON, REST and CBOR protocols of other services (refused with a line that says so).
package endpoint
