// Package s3 is Amazon S3 as far as MFA reaches: buckets, versioning with MFA delete, objects with their versions and delete
// markers, bucket policies (Amazon S3 API Reference of 2006-03-01, REST; "MFA delete" in the Amazon S3 User Guide).
//
//	signed request ─▶ Service.ServeCall ─▶ operation ─▶ policies ─▶ x-amz-mfa: SERIAL CODE ─▶ one transaction ─▶ XML
//	                                                    iam.Authorize    iam.Beside.UpdateWithDevice
//
// What objects consist of lies in a Folder; everything else is records of the account's store, so that a code, the version
// that it deletes and the journal's line are one transaction. A code is good for one request: n versions need n codes, or
// one DeleteObjects. "AWS MFA" in a citation is this project's notes on the real service.
//
// Not implemented (answered with NotImplemented): ACLs, CORS, encryption, object lock, replication, tags of objects, access
// points, select, the copying of parts. A bucket's lifecycle configuration is kept, because it excludes MFA delete, and
// nothing expires by it.
package s3
