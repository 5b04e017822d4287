package iam

import (
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

const (
	// reportLife is how long a report is good and no new one is made: IAM User Guide, id_credentials_getting-report.
	reportLife = 4 * time.Hour
	// reportKey is the record of kindAccount that holds the report made last.
	reportKey = "report"

	notApplicable = "N/A"
	noInformation = "no_information"
	notSupported  = "not_supported"
)

// Report is a credential report.
type Report struct {
	Made    time.Time `json:"made"`
	Content string    `json:"content"` // CSV
}

// fresh reports whether r is still good at now. One from the future, because the clock was set back, is not.
func (r *Report) fresh(now time.Time) bool {
	return !r.Made.After(now) && now.Sub(r.Made) < reportLife
}

type generateReportResult struct {
	State       string
	Description string `xml:",omitempty"`
}

// generateCredentialReport makes the report within the first call, which answers STARTED nonetheless: clients call again
// until they read COMPLETE.
func (o *operating) generateCredentialReport() (any, error) {
	r := &Report{}
	found, err := get(o.Tx, kindAccount, reportKey, r)
	if err != nil {
		return nil, err
	}
	if found && r.fresh(o.today()) {
		return generateReportResult{State: "COMPLETE"}, nil
	}
	content, err := o.credentials()
	if err != nil {
		return nil, err
	}
	started := generateReportResult{"STARTED", "No report exists. Starting a new report generation task"}
	return started, put(o.Tx, kindAccount, reportKey, &Report{o.today(), content})
}

type getReportResult struct {
	Content       string // base64
	ReportFormat  string
	GeneratedTime string
}

// getCredentialReport implements GetCredentialReport. It answers the report as it was made, whatever has changed since.
func (o *operating) getCredentialReport() (any, error) {
	r := &Report{}
	found, err := get(o.Tx, kindAccount, reportKey, r)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, o.refuse("ReportNotPresent")
	case !r.fresh(o.today()):
		return nil, o.refuse("ReportExpired")
	}
	return getReportResult{base64.StdEncoding.EncodeToString([]byte(r.Content)), "text/csv", stamp(r.Made)}, nil
}

// credentials writes the report: root, then the users in the order of their names. It is CSV proper: a path, and with it
// an ARN, may hold commas and quotes.
func (o *operating) credentials() (string, error) {
	var b strings.Builder
	w := csv.NewWriter(&b)
	row := func(u *User) error {
		keys, err := accessKeysOf(o.Tx, u)
		if err != nil {
			return err
		}
		certificates, err := certificateCells(o.Tx, u)
		if err != nil {
			return err
		}
		return w.Write(append(reportRow(u, keys, o.account.ID, o.account.Passwords), certificates...))
	}
	root, err := userWithID(o.Tx, Root)
	if err != nil {
		return "", err
	}
	if err := w.Write(reportColumns); err != nil {
		return "", err
	}
	if err := row(root); err != nil {
		return "", err
	}
	users, err := o.Scan(kindUser, "", "", 0)
	if err != nil {
		return "", err
	}
	for _, r := range users {
		u := &User{}
		if err := json.Unmarshal(r.Value, u); err != nil {
			return "", damaged(kindUser, r.Key, err)
		}
		if err := row(u); err != nil {
			return "", err
		}
	}
	w.Flush()
	return b.String(), w.Error()
}

// reportColumns are the columns as recorded from the real service.
var reportColumns = []string{
	"user", "arn", "user_creation_time",
	"password_enabled", "password_last_used", "password_last_changed", "password_next_rotation", "mfa_active",
	"access_key_1_active", "access_key_1_last_rotated",
	"access_key_1_last_used_date", "access_key_1_last_used_region", "access_key_1_last_used_service",
	"access_key_2_active", "access_key_2_last_rotated",
	"access_key_2_last_used_date", "access_key_2_last_used_region", "access_key_2_last_used_service",
	"cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated",
}

// reportRow returns the row of one user, up to its signing certificates.
func reportRow(u *User, keys []*AccessKey, account string, passwords *PasswordPolicy) []string {
	name := u.Name
	if u.ID == Root {
		name = "<root_account>"
	}
	row := append([]string{name, u.arn(account), reportTime(u.Created)}, passwordCells(u, passwords)...)
	row = append(row, strconv.FormatBool(len(u.Devices) > 0))
	for i := range accessKeysPerUser {
		var k *AccessKey
		if i < len(keys) {
			k = keys[i]
		}
		row = append(row, keyCells(k)...)
	}
	return row
}

// passwordCells returns password_enabled, _last_used, _last_changed and _next_rotation.
func passwordCells(u *User, passwords *PasswordPolicy) []string {
	used := noInformation
	if !u.PasswordLastUsed.IsZero() {
		used = reportTime(u.PasswordLastUsed)
	}
	switch {
	case u.ID == Root:
		return []string{notSupported, used, notSupported, notSupported}
	case u.LoginProfile == nil:
		return []string{"false", notApplicable, notApplicable, notApplicable}
	default:
		next := notApplicable
		if end := u.LoginProfile.expires(passwords); !end.IsZero() {
			next = reportTime(end)
		}
		return []string{"true", used, reportTime(u.LoginProfile.Changed), next}
	}
}

// keyCells returns access_key_N_active, _last_rotated, _last_used_date, _last_used_region and _last_used_service.
func keyCells(k *AccessKey) []string {
	if k == nil {
		return []string{"false", notApplicable, notApplicable, notApplicable, notApplicable}
	}
	cells := []string{strconv.FormatBool(!k.Inactive), reportTime(k.Created)}
	if k.LastUsed.IsZero() {
		return append(cells, notApplicable, notApplicable, notApplicable)
	}
	return append(cells, reportTime(k.LastUsed), k.LastUsedRegion, k.LastUsedService)
}

// reportTime writes times as the report does, not as answers do.
func reportTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05+00:00") }
